"""The page of commands, as typer describes them."""

import html
import os
import subprocess
import sys

from tools.reference.markdown import MADE

TYPER = """
from typer.cli import main
from typer.core import TyperCommand
TyperCommand.get_short_help_str.__defaults__ = (200,)  # else lists of commands show 45 characters of each
main()
"""
COMMAND = (sys.executable, "-c", TYPER, "emprops.cli.main", "utils", "docs", "--name", "emprops")
TITLE = "# Command line"


def make() -> str:
    """Return the page of commands."""
    plain = os.environ | {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "200"}
    made = subprocess.run([*COMMAND, "--title", TITLE.removeprefix("# ")], capture_output=True, check=True, env=plain)
    text = html.unescape(made.stdout.decode()).replace(TITLE, f"{TITLE}\n\n{MADE}", 1)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"
