"""JSON templates with ``{{placeholders}}``: parsed first, filled only in string leaves, never in keys, in one pass.

A leaf that is one placeholder and nothing else takes over the value with its type; within a longer text the value is
written out. Whatever the values hold (quotes, braces, other placeholders), the structure of the result is the structure
of the template.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emprops.workflows.references import Budget, join

PLACEHOLDER = re.compile(r"\{\{ *(\w+) *\}\}")
MAX_DEPTH = 64
MAX_PLACEHOLDERS = 1000


class TemplateError(ValueError):
    """A template cannot be parsed or filled; the sentence says why."""


class UnknownPlaceholderError(TemplateError):
    """A placeholder has no value."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """``{{name}}`` within a text."""

    name: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text with at least one placeholder."""

    parts: tuple[str | Placeholder, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. ``tree`` is JSON in which texts with placeholders are :class:`Leaf` objects."""

    tree: Any
    placeholders: frozenset[str]

    def fill(self, values: Mapping[str, Any], budget: Budget | None = None) -> Any:
        """Return the template with its placeholders replaced; the template itself stays.

        Raises :class:`UnknownPlaceholderError` naming every placeholder without a value, and
        :class:`~emprops.workflows.references.TextTooLongError`.
        """
        missing = sorted(self.placeholders - values.keys())
        if missing:
            raise UnknownPlaceholderError(f"No value is given for {named(missing)}.")
        return _fill(self.tree, values, budget or Budget())


def parse(template: Any) -> Template:
    """Parse a JSON document. Raises :class:`TemplateError` if it is too deep or has too many placeholders."""
    if deeper_than(template, MAX_DEPTH):
        raise TemplateError(f"The template is nested deeper than {MAX_DEPTH} levels.")
    names: list[str] = []
    tree = _parse(template, names)
    if len(names) > MAX_PLACEHOLDERS:
        raise TemplateError(f"The template has more than {MAX_PLACEHOLDERS} placeholders.")
    return Template(tree, frozenset(names))


def split(text: str) -> list[str | Placeholder]:
    """Take a text apart into plain text and placeholders; empty texts are left out."""
    pieces = PLACEHOLDER.split(text)
    return [Placeholder(piece) if at % 2 else piece for at, piece in enumerate(pieces) if piece]


def named(names: list[str]) -> str:
    """Write names as placeholders, for a sentence."""
    return ", ".join(f"{{{{{name}}}}}" for name in names)


def deeper_than(tree: Any, levels: int) -> bool:
    """Whether a JSON document has more levels of objects and lists than that. Does not recurse."""
    level = [tree]
    for _ in range(levels + 1):
        containers = [value for value in level if isinstance(value, (dict, list))]
        level = [child for node in containers for child in (node.values() if isinstance(node, dict) else node)]
        if not containers:
            return False
    return True


def _parse(node: Any, names: list[str]) -> Any:
    if isinstance(node, str):
        parts = split(node)
        found = [part.name for part in parts if isinstance(part, Placeholder)]
        names.extend(found)
        return Leaf(tuple(parts)) if found else node
    if isinstance(node, dict):
        return {key: _parse(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_parse(value, names) for value in node]
    return node


def _fill(node: Any, values: Mapping[str, Any], budget: Budget) -> Any:
    if isinstance(node, Leaf):
        filled = [values[part.name] if isinstance(part, Placeholder) else part for part in node.parts]
        if len(filled) > 1:
            return join(filled, budget)
        budget.spend(filled[0])
        return filled[0]
    if isinstance(node, dict):
        return {key: _fill(value, values, budget) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, values, budget) for value in node]
    return node
