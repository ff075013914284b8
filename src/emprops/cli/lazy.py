"""Commands whose modules are imported when they are called: help and completion need no more than names and texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is."""

    path: str
    """``module:name`` of a function or a Typer app."""
    help: str
    """One line, for the list of commands."""


class LazyCommand(TyperCommand):
    """Stands for a command until it is called."""

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, help=place.help, short_help=place.help, callback=None)
        self.path = place.path

    def load(self) -> TyperCommand | TyperGroup:
        """Import the command and return it."""
        module, _, attribute = self.path.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False)
            single.command(self.name)(found)
            found = single
        command = typer.main.get_command(found)
        command.name, command.short_help = self.name, self.short_help
        return command  # type: ignore[return-value]

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Return a context of the command itself, which is what then runs in it."""
        return self.load().make_context(*arguments, **options)


class LazyGroup(TyperGroup):
    """A group of such commands, in the order of ``places``."""

    places: ClassVar[Mapping[str, Place]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: LazyCommand(name, place) for name, place in self.places.items()}
