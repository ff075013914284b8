"""How commands end when something is wrong: one sentence on stderr and exit code 1."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from emprops.cli.output import clean, say
from emprops.cli.variables import unknown_variables

if TYPE_CHECKING:
    from emprops.settings import Settings


def fail(message: str) -> NoReturn:
    """Print a sentence on stderr and end the command with code 1."""
    for line in message.splitlines():
        say(clean(line))
    raise typer.Exit(1)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what an operator can mend into a sentence; anything else is ours and keeps its traceback."""
    try:
        yield
    except typer.Exit:
        raise
    except Exception as error:
        from emprops.cli.mendable import sentence_of  # noqa: PLC0415 - imports what only a failure needs

        sentence = sentence_of(error)
        if sentence is None:
            raise
        fail(sentence)


def warn_of_variables(warn: Callable[[str], None] = say) -> None:
    """Pass ``warn`` a sentence for each variable of the environment that is named like a setting and is none."""
    for sentence in unknown_variables(os.environ):
        warn(sentence)


def read_settings(warn: Callable[[str], None] = say) -> "Settings":
    """Read the settings from the environment; ends the command with a sentence that names each wrong variable.

    ``warn`` gets a sentence for each variable that is named like a setting and is none.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - a tenth of a second, which clients of an api do not need

    from emprops.settings import Settings  # noqa: PLC0415

    warn_of_variables(warn)
    try:
        return Settings()
    except ValidationError as error:
        wrong = (f"{_variable(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        fail(f"The environment holds settings that cannot be used: {'; '.join(wrong)}.")


def _variable(location: tuple[int | str, ...]) -> str:
    """Name the variable of a setting; those that are read under another name are told by that."""
    name = ".".join(map(str, location))
    return name if name.isupper() else f"EMPROPS_{name.upper()}"
