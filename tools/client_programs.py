"""What the programs are run with that use the api as its clients do."""

import os
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PINNED = ROOT / "tests" / "clients"
TSC = ["--strict", "--module", "nodenext", "--target", "es2022"]
UV = os.environ.get("UV", "uv")


class BrokenError(Exception):
    """A client cannot be made or used; the message says what went wrong."""


@dataclass(frozen=True, slots=True)
class Api:
    """A live installation and its document."""

    url: str
    user_id: str
    document: dict[str, Any]

    def operations(self) -> set[str]:
        """Return the names of all operations."""
        return {operation["operationId"] for path in self.document["paths"].values() for operation in path.values()}


def is_png(url: str) -> bool:
    """Return whether a text is the URL of a picture."""
    if not url.startswith("http"):
        return False
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bool(answer.read(8).startswith(b"\x89PNG"))


def run(what: str, *command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Run a program, with a changed environment, and return what it printed.

    Raises :class:`BrokenError` unless it ends well.
    """
    try:
        done = subprocess.run(
            command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
        )
    except FileNotFoundError:
        raise BrokenError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise BrokenError(f"{what} has not ended within 5 minutes") from None
    if done.returncode:
        raise BrokenError(f"{what} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr
