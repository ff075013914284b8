"""Reading a ticket's payload: each reader gives a checked value or says which field is wrong and what it may be."""

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from emprops.connectors.base import BadInputError
from emprops.connectors.encoded import is_data_url

Payload = Mapping[str, Any]
LONGEST_TEXT = 10_000
LONGEST_URL = 4096
SECONDS = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*(?:s|sec|secs|second|seconds)?\s*", re.IGNORECASE)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def text(payload: Payload, name: str, default: str | None = None, *, longest: int = LONGEST_TEXT) -> str:
    """A text of at most ``longest`` characters; numbers are taken as text. No ``default``: it is required."""
    value = payload.get(name)
    if value is None or (default is None and value == ""):
        if default is None:
            raise BadInputError(f"{name} is required: a text of 1 to {longest} characters.")
        return default
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > longest:
        raise BadInputError(f"{name} must be a text of at most {longest} characters.")
    # Neither NUL nor half a surrogate pair can be stored or sent on.
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def integer(payload: Payload, name: str, default: int, low: int, high: int, *, multiple: int = 1) -> int:
    """A whole number in [low, high], also as text (``"768"``)."""
    value = payload.get(name)
    if value is None or value == "":
        return default
    number = _whole(value)
    if number is None or not low <= number <= high or number % multiple:
        step = f" and a multiple of {multiple}" if multiple > 1 else ""
        raise BadInputError(f"{name} must be a whole number from {low} to {high}{step}, not {_shown(value)}.")
    return number


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,20}\s*", value):
        return int(value)
    return None


def seconds(payload: Payload, name: str, default: float, low: float, high: float) -> float:
    """A duration in seconds: a number, or a text such as ``"5s"``."""
    value = payload.get(name)
    if value is None or value == "":
        return default
    number = math.nan
    if isinstance(value, str) and (match := SECONDS.fullmatch(value)):
        number = float(match[1])
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e9 else math.inf
    if not low <= number <= high:
        raise BadInputError(f'{name} must be {low:g} to {high:g} seconds (for example 5 or "5s"), not {_shown(value)}.')
    return number


def choice(payload: Payload, name: str, default: str, allowed: Collection[str]) -> str:
    """One of the allowed words; case, blanks and hyphens do not matter."""
    value = payload.get(name)
    if value is None or value == "":
        return default
    word = re.sub(r"[\s-]+", "_", value.strip().lower()) if isinstance(value, str) else ""
    if word not in allowed:
        raise BadInputError(f"{name} must be one of {', '.join(allowed)}, not {_shown(value)}.")
    return word


def url(payload: Payload, name: str, *, purpose: str) -> str:
    """A required address of an input file, or a ``data:`` URL; an object with ``url`` is read too."""
    value = payload.get(name)
    if isinstance(value, Mapping):
        value = value.get("url")
    if not isinstance(value, str) or not value.strip() or (len(value) > LONGEST_URL and not is_data_url(value)):
        raise BadInputError(f"{name} is required: the URL of {purpose}.")
    return value.strip()
