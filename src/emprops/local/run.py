"""What a data folder says about the installation in it: who holds it, where it answers, who the local user is."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from emprops.kit.private_files import write_private
from emprops.local.errors import LocalError


@dataclass(frozen=True)
class Run:
    """A running installation, as ``run.json`` describes it to other commands."""

    url: str
    user_id: str
    database_url: str
    redis_url: str
    pid: int


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold a data folder for this process; the kernel lets go of it when the process ends, however that happens.

    Raises :class:`LocalError` if another process holds it.
    """
    with (data_dir / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            run = read_run(data_dir)
            where = f" at {run.url} (process {run.pid})" if run else ""
            raise LocalError(
                f"EmProps is already running on {data_dir}{where}: use that one, stop it, or set EMPROPS_DATA_DIR."
            ) from error
        yield


@contextmanager
def announce(data_dir: Path, run: Run) -> Iterator[None]:
    """Let other commands find the installation while the block runs."""
    path = data_dir / "run.json"
    write_private(path, asdict(run))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_run(data_dir: Path) -> Run | None:
    """Return the installation running on a data folder; None if there is none, or if it was killed."""
    try:
        run = Run(**json.loads((data_dir / "run.json").read_text()))
        os.kill(run.pid, 0)
    except PermissionError:  # somebody else's: not for us to use
        return None
    except (FileNotFoundError, ProcessLookupError, ValueError, TypeError):
        return None
    return run
