"""``emprops worker``: a process that pulls jobs. It needs Redis and storage, or a server and a key."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from emprops.cli.exits import one_sentence
from emprops.cli.serving import serving_settings
from emprops.worker.ending import run_process
from emprops.worker.main import main


def worker(
    server: Annotated[
        str | None, typer.Option(help="Work for the api at this address, over HTTPS. Or set EMPROPS_SERVER.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Its key. Others see it in `ps`: EMPROPS_WORKER_KEY and --key-file hide it.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="File that holds the key. Or set EMPROPS_WORKER_KEY_FILE.")
    ] = None,
) -> None:
    """Pull jobs from the queue and run them, until SIGTERM."""
    settings = serving_settings()
    if server is not None:
        settings = settings.model_copy(update={"server": server})
    if key is not None or key_file is not None:
        given = {"worker_key": SecretStr(key or ""), "worker_key_file": str(key_file or "")}
        settings = settings.model_copy(update=given)
    with one_sentence():
        run_process(main(settings))
