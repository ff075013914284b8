"""The page of commands, as typer describes them."""

import typer
from typer.cli import get_docs_for_click
from typer.core import TyperGroup

from emprops.cli.lazy import LazyCommand
from emprops.cli.main import app
from tools.reference.markdown import MADE

TITLE = "# Command line"


def make() -> str:
    """Return the page of commands."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    root.commands = {name: _whole(command) for name, command in root.commands.items()}
    context = typer.Context(root, info_name="emprops")
    made = get_docs_for_click(obj=root, ctx=context, name="emprops", title=TITLE.removeprefix("# "))
    text = made.replace(TITLE, f"{TITLE}\n\n{MADE}", 1)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def _whole(command: object) -> TyperGroup:
    """Load a command, and let lists show the first paragraphs of its own in full."""
    assert isinstance(command, LazyCommand)
    loaded = command.load()
    for below in getattr(loaded, "commands", {}).values():
        below.short_help = " ".join((below.help or "").partition("\n\n")[0].split())
    return loaded  # type: ignore[return-value]
