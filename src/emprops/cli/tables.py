"""How commands print lists: fitted to a terminal for people, separated by tabs for other programs."""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import typer
from rich.cells import cell_len, set_cell_size

from emprops.cli.output import clean, say, stamp

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a list. What must never be cut or left out, as ids are, has neither ``least`` nor ``rank``."""

    name: str
    show: Callable[[Any], str] = str
    """How a terminal shows a value; other programs get it as it is."""
    right: bool = False
    """Put numbers to the right."""
    least: int = 0
    """A terminal may cut texts to this many cells; 0: never."""
    rank: int = 0
    """A terminal that is too narrow leaves out the highest first; 0: never."""


def show(columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
    """Print rows, or on stderr a sentence if there are none. An empty value is None or an empty text."""
    if not rows:
        say(empty)
        return
    if not sys.stdout.isatty():
        for row in [[column.name for column in columns], *rows]:
            typer.echo("\t".join(clean(stamp(value)) for value in row))
        return
    texts = [[_shown(column, value) for column, value in zip(columns, row, strict=True)] for row in rows]
    lines, missing = lay_out(columns, texts, shutil.get_terminal_size().columns)
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    typer.echo(lines[0] if plain else typer.style(lines[0], bold=True))
    for line in lines[1:]:
        typer.echo(line)
    if missing:
        say(f"A wider terminal, a pipe and --json also show: {', '.join(missing)}.")


def show_log(rows: Sequence[tuple[datetime, str, str]], *, empty: str) -> None:
    """Print when what happened, and the state that it led to. A terminal gets its own times, and texts that are folded
    instead of cut."""
    if not rows or not sys.stdout.isatty():
        show((Column("time"), Column("status"), Column("message")), rows, empty=empty)
        return
    for time, _, text in rows:
        began = f"{time.astimezone():%Y-%m-%d %H:%M:%S}  "
        room = max(shutil.get_terminal_size().columns, len(began) + 20)
        typer.echo(textwrap.fill(began + clean(text), room, subsequent_indent=" " * len(began)))


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> tuple[list[str], list[str]]:
    """Return the lines of heading and rows, no wider than ``width`` as far as columns allow it, and the names of the
    columns that had to be left out. A column without any text is left out, too, and not named."""
    kept = [at for at in range(len(columns)) if any(row[at] for row in rows)]
    natural = [
        max(cell_len(text) for text in (column.name, *(row[at] for row in rows))) for at, column in enumerate(columns)
    ]
    missing: list[int] = []
    while _width([_floor(columns[at], natural[at]) for at in kept]) > width:
        at = max(kept, key=lambda at: columns[at].rank)
        if not columns[at].rank:
            break
        kept.remove(at)
        missing.append(at)
    widths = _shared([columns[at] for at in kept], [natural[at] for at in kept], width)
    lines = []
    for row in ([column.name for column in columns], *rows):
        cells = [_fitted(row[at], cells, right=columns[at].right) for at, cells in zip(kept, widths, strict=True)]
        lines.append((" " * GAP).join(cells).rstrip())
    return lines, [columns[at].name for at in sorted(missing)]


def _shown(column: Column, value: Any) -> str:
    return "" if value is None or value == "" else clean(column.show(value))


def _floor(column: Column, natural: int) -> int:
    return min(natural, max(column.least, len(column.name))) if column.least else natural


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _shared(columns: Sequence[Column], natural: Sequence[int], width: int) -> list[int]:
    """Return the widths: each column's least, and what is left to those that need more, the narrowest first."""
    widths = [_floor(column, wanted) for column, wanted in zip(columns, natural, strict=True)]
    for _ in range(width - _width(widths)):
        needy = [at for at, wanted in enumerate(natural) if widths[at] < wanted]
        if not needy:
            break
        widths[min(needy, key=lambda at: widths[at])] += 1
    return widths


def _fitted(text: str, width: int, *, right: bool) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, max(width - 1, 0)).rstrip() + "…"
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
