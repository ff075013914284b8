"""How a planned payload refers to results that do not exist yet.

While a step is planned, a reference is an object (:class:`Reference`, :class:`MixedText`), so no data can be taken for
one. Stored as JSON, a whole value that refers to a step is ``{"$ref": "<step uuid>"}``, with ``output``, ``file`` and
``into`` where they say something; a text with references in it is ``{"$text": ["a ", {"$ref": "<step uuid>"}, …]}``.
Data whose keys look the same get one more ``$`` when they are stored and lose it when the payload is resolved: what a
user sends stays data.

Only a payload with references is stored in this form; one without is stored as it is, and never resolved.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

MAX_CHARACTERS = 1024 * 1024
"""How much text the payload of one step may hold."""
MARKED = re.compile(r"\$+(ref|text)")


class UnresolvedReferenceError(Exception):
    """A payload refers to a step that did not make what the field takes, or has made nothing yet."""


class TextTooLongError(ValueError):
    """Filling in the values would make a payload of more than :data:`MAX_CHARACTERS` characters."""


MEDIA = ("image", "video", "audio")
TEXT, FILE = "text", "file"
OUTPUTS = (TEXT, FILE, *MEDIA)
"""What a reference may ask for; ``file`` is a file of any kind."""
UNNAMED = ("application/octet-stream", "binary/octet-stream", "")
"""Types of files of which nobody knows what they are; they may be anything."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The result of another step of the same job."""

    step: UUID
    output: str = ""
    """Which of :data:`OUTPUTS` the author asks for; empty: what the field takes."""
    file: int | None = None
    """Which file, from 0: of those that ``output`` names, else of all."""
    into: str = ""
    """What the field takes: ``text``, or one of :data:`MEDIA`; empty: either."""


@dataclass(frozen=True, slots=True)
class MixedText:
    """A text in which results of other steps stand."""

    parts: tuple[str | Reference, ...]


@dataclass(frozen=True, slots=True)
class FileResult:
    """A file that a step made."""

    url: str
    mime_type: str


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step can be referred to as: its files, in order, and its text if it made one."""

    files: tuple[FileResult, ...] = ()
    text: str | None = None
    name: str = ""
    """What people call the step."""


class Budget:
    """Counts the characters that go into one payload."""

    def __init__(self, characters: int = MAX_CHARACTERS) -> None:
        self._left = characters

    def spend(self, value: Any) -> None:
        """Count a value. Raises :class:`TextTooLongError` once the budget is used up."""
        self._left -= len(value) if isinstance(value, str) else len(orjson.dumps(value))
        if self._left < 0:
            raise TextTooLongError(f"The values make a payload of more than {MAX_CHARACTERS} characters.")


def as_text(value: Any) -> str:
    """Write a value into a text: a text as it is, nothing for None, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def join(values: Iterable[Any], budget: Budget) -> str | MixedText:
    """Join values and references into one text; a plain one where nothing in it refers to a step."""
    parts: list[str | Reference] = []
    for part in _parts(values):
        budget.spend(part if isinstance(part, str) else "")
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part != "":
            parts.append(part)
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts)
    return MixedText(tuple(parts))


def _parts(values: Iterable[Any]) -> Iterator[str | Reference]:
    for value in values:
        if isinstance(value, MixedText):
            yield from value.parts
        elif isinstance(value, Reference):
            yield value
        else:
            yield as_text(value)


def refers(tree: Any) -> bool:
    """Whether a value being planned holds a reference somewhere."""
    return bool(steps_in(tree))


def steps_in(tree: Any) -> set[UUID]:
    """Return the steps that a value being planned refers to."""
    match tree:
        case Reference(step=step):
            return {step}
        case MixedText(parts):
            return {part.step for part in parts if isinstance(part, Reference)}
        case dict():
            return set().union(*map(steps_in, tree.values()))
        case list():
            return set().union(*map(steps_in, tree))
        case _:
            return set()


def encode(tree: Any) -> Any:
    """Return the stored form of a payload with references."""
    match tree:
        case Reference(step=step):
            said = {"output": tree.output or None, "file": tree.file, "into": tree.into or None}
            return {"$ref": str(step)} | {key: value for key, value in said.items() if value is not None}
        case MixedText(parts):
            return {"$text": [encode(part) for part in parts]}
        case dict():
            return {("$" + key if MARKED.fullmatch(key) else key): encode(value) for key, value in tree.items()}
        case list():
            return [encode(value) for value in tree]
        case _:
            return tree


def references_in(payload: Any) -> set[str]:
    """Return the ids of the steps that a stored payload refers to."""
    match payload:
        case {"$ref": str(step)}:
            return {step}
        case dict():
            return set().union(*map(references_in, payload.values()))
        case list():
            return set().union(*map(references_in, payload))
        case _:
            return set()


def rename_steps(payload: Any, names: Mapping[str, str]) -> Any:
    """Return a stored payload that refers to other steps in place of these ones; an id without a new name stays."""
    match payload:
        case {"$ref": str(step)}:
            return payload | {"$ref": names.get(step, step)}
        case dict():
            return {key: rename_steps(value, names) for key, value in payload.items()}
        case list():
            return [rename_steps(value, names) for value in payload]
        case _:
            return payload


def resolve_references(payload: Any, results: Mapping[str, StepResult]) -> Any:
    """Put results in the place of references: texts as they are, files as their URLs.

    The structure stays; results are never looked into. Raises :class:`UnresolvedReferenceError`, and
    :class:`TextTooLongError` if the results together are too long.
    """
    return _resolve(payload, results, Budget())


def _resolve(payload: Any, results: Mapping[str, StepResult], budget: Budget) -> Any:
    match payload:
        case {"$ref": str()}:
            return _result(payload, results, budget)
        case {"$text": list(parts)}:
            return "".join(part if isinstance(part, str) else _result(part, results, budget) for part in parts)
        case dict():
            return {
                (key[1:] if MARKED.fullmatch(key) else key): _resolve(value, results, budget)
                for key, value in payload.items()
            }
        case list():
            return [_resolve(value, results, budget) for value in payload]
        case _:
            return payload


def _result(stored: Mapping[str, Any], results: Mapping[str, StepResult], budget: Budget) -> str:
    result = results.get(stored["$ref"])
    if result is None:
        raise UnresolvedReferenceError(f"Step {stored['$ref']} has no result yet.")
    value = _chosen(result, stored.get("output", ""), stored.get("file"), stored.get("into", ""))
    budget.spend(value)
    return value


def _chosen(result: StepResult, output: str, number: int | None, into: str) -> str:
    """Choose what a reference asks for, else what its field takes."""
    name = result.name or "A step"
    if output == TEXT or (into == TEXT and not output and number is None):
        if result.text is None:
            raise UnresolvedReferenceError(f"{name} made no text.")
        return result.text
    if not output and not into and number is None and result.text is not None:
        return result.text
    kind = output if output in MEDIA else ""
    if not output and number is None and into in MEDIA:
        kind = into
    files = [file for file in result.files if _is(file, kind)]
    if (number or 0) >= len(files):
        what = f"{kind or FILE} {number}, counted from 0" if number else kind or "file or text"
        raise UnresolvedReferenceError(f"{name} made no {what}.")
    file = files[number or 0]
    if into in MEDIA and not output and not _is(file, into):
        raise UnresolvedReferenceError(f"File {number} of {name} is no {into} but {file.mime_type}.")
    return file.url


def _is(file: FileResult, kind: str) -> bool:
    return not kind or file.mime_type in UNNAMED or file.mime_type.startswith(f"{kind}/")
