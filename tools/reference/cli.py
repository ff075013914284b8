"""The page of commands, as typer describes them."""

import html
import os
import subprocess
import sys

from tools.reference.markdown import MADE

COMMAND = (sys.executable, "-m", "typer", "emprops.cli.main", "utils", "docs", "--name", "emprops")
TITLE = "# Command line"


def make() -> str:
    """Return the page of commands."""
    plain = os.environ | {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "200"}
    made = subprocess.run([*COMMAND, "--title", TITLE.removeprefix("# ")], capture_output=True, check=True, env=plain)
    text = html.unescape(made.stdout.decode()).replace(TITLE, f"{TITLE}\n\n{MADE}", 1)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"
