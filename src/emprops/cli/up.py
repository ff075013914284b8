"""``emprops up``: everything on this machine, from nothing to a first generation."""

import signal
import threading
from contextlib import suppress

import typer

from emprops.cli.exits import one_sentence, read_settings
from emprops.local.supervisor import Installation, Stopped, running


def up() -> None:
    """Start PostgreSQL, Redis, the api and a worker on this machine; Ctrl-C stops them.

    Data lie in EMPROPS_DATA_DIR (./.emprops). DATABASE_URL or REDIS_URL, when set, are used instead of own engines.
    """
    settings = read_settings()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda *_: stopping.set())
    with one_sentence(), suppress(Stopped), running(settings, stopping) as installation:
        typer.echo(banner(installation))
        installation.tend(stopping, lambda line: typer.echo(line, err=True))
        typer.echo("\nStopping …")


def banner(installation: Installation) -> str:
    """Say where everything is and what to try."""
    run = installation.run
    return f"""
  EmProps is ready at {run.url}

  API reference  {run.url}/docs
  Your user id   {run.user_id}
  Logs           {installation.logs}
  Stop           Ctrl-C

  Generate something:

  {example(installation)}
"""


def example(installation: Installation) -> str:
    """Return one command that generates from a sample collection."""
    run = installation.run
    return (
        f"curl -X POST {run.url}/collections/{installation.collections['art']}/generate -H 'user_id: {run.user_id}' "
        """-H 'content-type: application/json' -d '{"variables": {"prompt": "a lighthouse at dusk"}}'"""
    )
