"""How commands print lists."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
UNFOLDED = 10_000
"""Columns of what is no terminal: a pipe or a file gets one line for each row."""


def table(*columns: str) -> Table:
    """Make a table without lines between rows. Its first column, by which a row is named, stays in one piece."""
    made = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == columns[0])
    return made


def show(rows: Table, empty: str, data: Any = None) -> None:
    """Print a table, folded to the width of a terminal, or a sentence if it has no rows; or ``data`` as JSON."""
    if data is not None:
        print_json(data)
        return
    if not rows.row_count:
        typer.echo(empty)
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=UNFOLDED, soft_wrap=True)
    console.print(rows)


def show_fields(fields: Mapping[str, str], data: Any = None) -> None:
    """Print one thing, a line for each of its fields; or ``data`` as JSON."""
    if data is not None:
        print_json(data)
        return
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        typer.echo(f"{name:<{width}}  " + value.replace("\n", "\n" + " " * (width + 2)))


def print_json(data: Any) -> None:
    """Print data for other programs."""
    typer.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str).decode())
