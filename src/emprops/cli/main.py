"""The ``emprops`` command. Every sub-command is one line of ``COMMANDS``."""

from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup

from emprops import __version__

COMMANDS = {
    "up": "emprops.cli.up:up",
    "generate": "emprops.cli.generate:generate",
    "jobs": "emprops.cli.jobs:app",
    "collections": "emprops.cli.collections:collections",
    "workers": "emprops.cli.workers:app",
    "dead-letters": "emprops.cli.dead_letters:app",
    "queue": "emprops.cli.queue:queue",
    "api": "emprops.cli.serve:api",
    "upkeep": "emprops.cli.serve:upkeep",
    "worker": "emprops.cli.work:worker",
    "db": "emprops.cli.db:app",
    "credits": "emprops.cli.credits:app",
    "comfy": "emprops.cli.comfy:app",
    "keys": "emprops.cli.keys:app",
    "webhooks": "emprops.cli.webhooks:app",
    "token": "emprops.cli.token:token",
}
"""Name → where its function, or its Typer app, is. Loaded when called for: a worker needs no web framework, and what
starts the processes needs none of their libraries."""


class Commands(TyperGroup):
    """The group that loads a command when it is called for."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002
        """Name all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:  # noqa: ARG002
        """Load one command; None if there is none of that name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False)
            single.command(cmd_name)(found)
            found = single
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command  # type: ignore[return-value]


app = typer.Typer(cls=Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emprops {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")]


@app.callback()
def emprops(version: Version = False) -> None:
    """Self-hostable backend for generative media."""


if __name__ == "__main__":
    app()
