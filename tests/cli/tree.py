"""All commands, as a caller can write them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer
from typer.core import TyperGroup

from emprops.cli.lazy import LazyCommand
from emprops.cli.main import app


@cache
def commands() -> dict[str, Any]:
    """Every command that can be called, by its words: ``jobs``, ``jobs show``, …"""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    found: dict[str, Any] = {}
    for name, command in root.commands.items():
        assert isinstance(command, LazyCommand)
        found.update(_below(name, command.load()))
    return found


def json_option_of(command: Any) -> Any | None:
    return next((param for param in command.params if "--json" in param.opts), None)


def documented(command: Any) -> set[str]:
    """Names of the fields that ``--help`` and the reference promise."""
    option = json_option_of(command)
    assert option is not None
    return set(re.findall(r"`(\w+)`", option.help))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(command, TyperGroup):
        yield name, command
        return
    if command.invoke_without_command:
        yield name, command
    for part, below in command.commands.items():
        yield f"{name} {part}", below
