"""How commands end when something is wrong: one sentence on stderr and exit code 1."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import NoReturn

import typer
from pydantic import ValidationError

from emprops.cli.variables import unknown_variables
from emprops.settings import Settings


def fail(message: str) -> NoReturn:
    """Print a sentence on stderr and end the command with code 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what an operator can mend into a sentence; anything else is ours and keeps its traceback."""
    try:
        yield
    except typer.Exit:
        raise
    except Exception as error:
        sentence = import_module("emprops.cli.mendable").sentence_of(error)
        if sentence is None:
            raise
        fail(sentence)


def say(line: str) -> None:
    """Print a line on stderr."""
    typer.echo(line, err=True)


def read_settings(warn: Callable[[str], None] = say) -> Settings:
    """Read the settings from the environment; ends the command with a sentence that names each wrong variable.

    ``warn`` gets a sentence for each variable that is named like a setting and is none.
    """
    for sentence in unknown_variables(os.environ):
        warn(sentence)
    try:
        return Settings()
    except ValidationError as error:
        wrong = (f"{_variable(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        fail(f"The environment holds settings that cannot be used: {'; '.join(wrong)}.")


def _variable(location: tuple[int | str, ...]) -> str:
    """Name the variable of a setting; those that are read under another name are told by that."""
    name = ".".join(map(str, location))
    return name if name.isupper() else f"EMPROPS_{name.upper()}"
