"""Prompt-editor text: a JSON *string* that holds paragraphs, in which variables and references to steps are embedded.

::

    [{"type": "paragraph", "children": [
        {"text": "A fox in "},
        {"type": "variable", "name": "place", "children": [{"text": ""}]},
        {"type": "ref", "step": 12, "children": [{"text": ""}]}]}]

A reference may have ``output`` and ``file``, which say what of the step is meant.
Everywhere a prompt-editor text is expected, plain text with ``{{place}}`` means the same. Paragraphs are joined by
newlines.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from emprops.workflows.references import OUTPUTS, TEXT
from emprops.workflows.templates import MAX_DEPTH, Placeholder, deeper_than, split

MAX_FILES = 256
"""Of one step."""


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
    output: str = ""
    """Which kind of result is asked for (``references.OUTPUTS``); empty: what the field takes."""
    file: int | None = None
    """Which file, from 0."""


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


def read_ref(step: int, said: Mapping[str, Any]) -> Ref:
    """Read which result of a step is meant: ``output`` and ``file``. Raises :class:`PromptTextError`."""
    output, number = said.get("output") or "", said.get("file")
    if output not in ("", *OUTPUTS):
        raise PromptTextError(
            f"refers to the output {str(output)[:50]!r} of step {step}; it may be {', '.join(OUTPUTS)}"
        )
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < MAX_FILES):
        raise PromptTextError(f"refers to the file {str(number)[:50]!r} of step {step}; files are counted from 0")
    if output == TEXT and number is not None:
        raise PromptTextError(f"refers to both the text and a file of step {step}")
    return Ref(step, output, number)


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
            yield read_ref(step, node)
        case {"type": "variable" | "ref" as kind}:
            raise PromptTextError(f"has a {kind} node without a {'name' if kind == 'variable' else 'step id'}")
        case {"text": str(text)}:
            yield from _plain(text)
        case {"children": list(children)}:
            for child in children:
                yield from _node(child)
        case _:
            raise PromptTextError("has a node that is neither text, variable nor reference")
