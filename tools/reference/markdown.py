"""Small pieces of Markdown."""

from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = DOCS.parent / "src" / "emprops"
MADE = "<!-- Made from the code by `make reference`. Edit the code instead. -->"


def page(title: str, introduction: str, *parts: str) -> str:
    """Return a page: a title, a paragraph, and parts."""
    return "\n\n".join([f"# {title}", MADE, introduction, *parts]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def one_line(text: str | None) -> str:
    """Return a docstring as one line of Markdown."""
    return " ".join((text or "").replace("``", "`").split())
