"""Prompt-editor text: a JSON *string* that holds paragraphs, in which variables and references to steps are embedded.

::

    [{"type": "paragraph", "children": [
        {"text": "A fox in "},
        {"type": "variable", "name": "place", "children": [{"text": ""}]},
        {"type": "ref", "step": 12, "children": [{"text": ""}]}]}]

Everywhere a prompt-editor text is expected, plain text with ``{{place}}`` means the same. Paragraphs are joined by
newlines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from emprops.workflows.templates import MAX_DEPTH, Placeholder, deeper_than, split


class PromptTextError(ValueError):
    """A prompt-editor text holds something that is neither text, variable nor reference."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the collection."""

    name: str


@dataclass(frozen=True, slots=True)
class Ref:
    """The result of another step of the collection, by the step's id in the collection's data."""

    step: int


Part = str | Variable | Ref


def to_parts(text: str) -> list[Part]:
    """Take a text apart into plain texts, variables and references; neighbouring plain texts are one.

    Raises :class:`PromptTextError`.
    """
    paragraphs = _paragraphs(text)
    parts: list[Part] = []
    for part in _plain(text) if paragraphs is None else _rich(paragraphs):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part != "":
            parts.append(part)
    return parts


def from_template(text: str) -> str:
    """Write plain text with ``{{placeholders}}`` as prompt-editor text with embedded variables."""
    return orjson.dumps(
        [
            {
                "type": "paragraph",
                "children": [
                    {"text": part}
                    if isinstance(part, str)
                    else {"type": "variable", "name": part.name, "children": [{"text": ""}]}
                    for part in split(line) or [""]
                ],
            }
            for line in text.split("\n")
        ]
    ).decode()


def _paragraphs(text: str) -> list[dict[str, Any]] | None:
    """The nodes of a prompt-editor text; None if it is plain text."""
    if not text.lstrip().startswith("["):
        return None
    try:
        nodes = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    # An empty list, or one of anything but paragraphs, is more likely to be what somebody typed.
    is_rich = bool(nodes) and all(isinstance(node, dict) and isinstance(node.get("children"), list) for node in nodes)
    if is_rich and deeper_than(nodes, MAX_DEPTH):
        raise PromptTextError(f"is nested deeper than {MAX_DEPTH} levels")
    return nodes if is_rich else None


def _plain(text: str) -> Iterator[Part]:
    for part in split(text):
        yield Variable(part.name) if isinstance(part, Placeholder) else part


def _rich(paragraphs: list[dict[str, Any]]) -> Iterator[Part]:
    for at, paragraph in enumerate(paragraphs):
        if at:
            yield "\n"
        for child in paragraph["children"]:
            yield from _node(child)


def _node(node: Any) -> Iterator[Part]:
    match node:
        case {"type": "variable", "name": str(name)}:
            yield Variable(name)
        case {"type": "ref", "step": int(step)} if not isinstance(step, bool):
            yield Ref(step)
        case {"type": "variable" | "ref" as kind}:
            raise PromptTextError(f"has a {kind} node without a {'name' if kind == 'variable' else 'step id'}")
        case {"text": str(text)}:
            yield from _plain(text)
        case {"children": list(children)}:
            for child in children:
                yield from _node(child)
        case _:
            raise PromptTextError("has a node that is neither text, variable nor reference")
