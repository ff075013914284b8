"""How commands print lists."""

import typer
from rich import box
from rich.console import Console
from rich.table import Table


def table(*columns: str) -> Table:
    """Make a table without lines between rows; long texts are folded."""
    made = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def show(rows: Table, empty: str) -> None:
    """Print a table, or a sentence if it has no rows."""
    if rows.row_count:
        Console().print(rows)
    else:
        typer.echo(empty)
