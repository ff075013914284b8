"""JSON request bodies, read strictly: what PostgreSQL or Python would choke on, or silently change, is refused here."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from emprops.errors import BadRequestError, TooLargeError
from emprops.kit.text import storable_json

MAX_KEY_LENGTH = 256
MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**64 - 1


class MalformedJsonError(BadRequestError):
    """The body is not JSON, or contains something that cannot be stored unchanged."""

    code = "malformed_json"


@dataclass(frozen=True, slots=True)
class Strictness:
    """What is taken of a JSON body."""

    max_depth: int = 64
    max_nodes: int = 20_000
    """How many values there may be."""
    max_key_length: int = MAX_KEY_LENGTH
    mends_texts: bool = False
    """Whether NUL and lone surrogates are replaced by U+FFFD instead of being refused: for those who only pass on what
    others wrote, and could do nothing about it."""


STRICT = Strictness()


def parse_json(raw: bytes, strictness: Strictness = STRICT) -> Any:
    """Parse a JSON document.

    Refuses (:class:`MalformedJsonError`): anything but strict UTF-8 JSON, NaN and Infinity, lone surrogates, NUL,
    integers outside −2⁶³…2⁶⁴−1, and keys and nesting beyond what the ``strictness`` says. Raises
    :class:`TooLargeError` for more values than it says.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth" in str(error):
            _too_deep(strictness.max_depth)
        if not strictness.mends_texts or b"\\ud" not in raw.lower():
            raise MalformedJsonError(f"The body is not valid JSON: {error}") from None
        document = _with_surrogates(raw, strictness)
    if strictness.mends_texts and (b"\\u0000" in raw or b"\\ud" in raw.lower()):
        document = storable_json(document)
    if _walk(document, strictness):
        # Refuses integers that orjson turned into floats: slow, so only done when a float of that size was seen.
        json.loads(raw, parse_int=_check_integer)
    return document


def _with_surrogates(raw: bytes, strictness: Strictness) -> Any:
    """Parse what orjson does not: lone surrogates in escapes."""
    try:
        return json.loads(raw, parse_int=_check_integer, parse_constant=_check_constant)
    except ValueError as error:
        raise MalformedJsonError(f"The body is not valid JSON: {error}") from None
    except RecursionError:
        _too_deep(strictness.max_depth)


def _walk(document: Any, strictness: Strictness) -> bool:
    """Check every value; tell whether some number may be an integer that the parser had to round."""
    rounded = False
    nodes = 0
    level: list[Any] = [document]
    depth = 0
    while level:
        nodes += len(level)
        if nodes > strictness.max_nodes:
            raise TooLargeError(f"The JSON body has more than {strictness.max_nodes} values.")
        deeper: list[Any] = []
        containers = False
        for value in level:
            kind = type(value)
            if kind is str:
                _check_text(value)
            elif kind is float:
                rounded = rounded or abs(value) >= MAX_INTEGER // 2
            elif kind is list:
                containers = True
                deeper.extend(value)
            elif kind is dict:
                containers = True
                _check_keys(value, strictness.max_key_length)
                deeper.extend(value.values())
        depth += containers
        if depth > strictness.max_depth:
            _too_deep(strictness.max_depth)
        level = deeper
    return rounded


def _too_deep(max_depth: int) -> NoReturn:
    raise MalformedJsonError(f"The JSON body is nested deeper than {max_depth} levels.")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise MalformedJsonError("The JSON body contains a NUL character (\\u0000), which cannot be stored.")


def _check_keys(value: dict[str, Any], max_length: int) -> None:
    for key in value:
        _check_text(key)
        if len(key) > max_length:
            raise MalformedJsonError(f"The JSON body has a key longer than {max_length} characters.")


def _check_integer(digits: str) -> int:
    if len(digits) > 21 or not MIN_INTEGER <= int(digits) <= MAX_INTEGER:
        raise MalformedJsonError("The JSON body has an integer outside -2^63 … 2^64-1; send larger numbers as text.")
    return int(digits)


def _check_constant(name: str) -> NoReturn:
    raise MalformedJsonError(f"The body is not valid JSON: it has {name}.")
