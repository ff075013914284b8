"""How commands print lists."""

import typer
from rich import box
from rich.console import Console
from rich.table import Table

UNFOLDED = 10_000
"""Columns of what is no terminal: a pipe or a file gets one line for each row."""


def table(*columns: str) -> Table:
    """Make a table without lines between rows. Its first column, by which a row is named, stays in one piece."""
    made = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == columns[0])
    return made


def show(rows: Table, empty: str) -> None:
    """Print a table, folded to the width of a terminal, or a sentence if it has no rows."""
    if not rows.row_count:
        typer.echo(empty)
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=UNFOLDED, soft_wrap=True)
    console.print(rows)
