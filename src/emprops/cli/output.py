"""What commands print: data on stdout, as text or with ``--json``, and everything else on stderr."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import typer


def json_option(what: str) -> Any:
    """Make the option ``--json``. ``what`` names the fields, in backticks: they stay, and others may come."""
    return typer.Option("--json", help=f"Print JSON: {what}.")


def print_json(data: Any) -> None:
    """Print data for other programs. Times become ISO 8601 in UTC."""
    made = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
    typer.echo(made.decode())


def answer(text: str, data: Any, *, as_json: bool) -> None:
    """Print one result: ``text``, or ``data`` as JSON."""
    if as_json:
        print_json(data)
    else:
        typer.echo(text)


def say(line: str) -> None:
    """Print a line on stderr."""
    typer.echo(line, err=True)


def show_fields(fields: Mapping[str, Any]) -> None:
    """Print one thing, a line for each of its fields that has a value."""
    texts = {name: stamp(value) for name, value in fields.items()}
    width = max((len(name) for name, text in texts.items() if text), default=0)
    for name, text in texts.items():
        for at, line in enumerate(text.splitlines()):
            typer.echo(f"{'' if at else name:<{width}}  {clean(line)}")


def stamp(value: Any) -> str:
    """Return a value as other programs read it; None is empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(value)


def clean(text: str) -> str:
    """Return a text as one line that cannot steer a terminal: what is not printable becomes a space."""
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
