"""How much a worker may say of itself and of its results: one set of limits, whichever way it reaches the queue.

A worker keeps to them before it sends anything. The gateway holds strangers to them, and the orchestrator what it
reads, as that may come from a worker of another version.
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson

from emprops.kit.text import TooDeepError, storable, storable_json

MAX_FILES = 256
"""Files of one result."""
MAX_DATA_BYTES = 256 * 1024
"""Size of a result's data as JSON. Anything larger belongs in files, not in Redis and job rows."""
MAX_DETAILS_BYTES = 16 * 1024
MAX_REMEMBERED_BYTES = 4 * 1024
"""Size of what a run remembers of work that it began, as JSON. An id or a token, not a result."""
MAX_DEPTH = 64
"""Levels of lists and objects in data and details."""
MAX_ERROR = 2_000
MAX_MESSAGE = 500
MAX_FILE_NAME = 255
MAX_NODE = 200
"""Characters of an error, a progress message, a file's name, and a node's name."""
MAX_TYPE = 200
"""Characters of a media type that are looked at."""
MAX_SIDE = 100_000
"""Pixels."""
MAX_DURATION = 1e7
LONGEST_WAIT = 86_400.0
"""Seconds."""
MAX_CLAIMS = 500
"""Claims that one call over HTTP is about."""
MAX_JOB_TYPES = 64
MAX_NAMES = 20_000
"""Model files, or node classes, of one machine."""
MAX_NAMES_BYTES = 1_500_000
MAX_NAME = 500
MAX_CAPABILITIES = 100
MAX_REASON = 200
"""Characters that say what is wrong with a connector."""
JOB_TYPE = r"[A-Za-z0-9_.-]{1,100}"
MEDIA_TYPE = r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,60}"
_media_type = re.compile(MEDIA_TYPE)

# only move cursors and turn text around, in logs and terminals
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class OutOfBoundsError(ValueError):
    """A result is not taken; the text is a sentence for the user."""


def line(text: Any, most: int) -> str:
    """Return a text that can be stored and shown: without control characters, at most ``most`` characters long."""
    if isinstance(text, str) and len(text) <= most and text.isascii() and text.isprintable():
        return text  # nearly always; the way below costs five times as much
    # cut twice: before, as a text may be endless, and behind, as a pair may be split there
    return _CONTROL.sub("", storable(str(text)[: 2 * most]))[:most]


def data(value: Any) -> dict[str, Any]:
    """Return a result's data such that they can be stored. Raises :class:`OutOfBoundsError` for what cannot be."""
    if value == {}:
        return {}
    try:
        mended = storable_json(value, max_depth=MAX_DEPTH)
        size = len(orjson.dumps(mended))
    except TooDeepError as error:
        raise OutOfBoundsError(f"The result's data are {error}.") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise OutOfBoundsError("The result's data cannot be written as JSON.") from error
    if not isinstance(mended, dict):
        raise OutOfBoundsError("The result's data are not a JSON object.")
    if size > MAX_DATA_BYTES:
        raise OutOfBoundsError(f"The result's data have more than {MAX_DATA_BYTES} bytes; large results go into files.")
    return mended


def details(value: Any) -> dict[str, Any]:
    """Return the details of a failure such that they can be stored; in place of what cannot be, a word about it."""
    try:
        mended = storable_json(value, max_depth=MAX_DEPTH)
        size = len(orjson.dumps(mended))
    except (TypeError, ValueError, RecursionError):
        return {"omitted": "The details could not be sent as JSON."}
    if size > MAX_DETAILS_BYTES:
        return {"omitted": f"The details had more than {MAX_DETAILS_BYTES} bytes."}
    return mended if isinstance(mended, dict) else {}


def remembered(value: Any) -> dict[str, Any]:
    """Return what a run remembers of work that it began such that it can be stored.

    Raises :class:`OutOfBoundsError`.
    """
    try:
        mended = storable_json(value, max_depth=MAX_DEPTH)
        size = len(orjson.dumps(mended))
    except (TypeError, ValueError, RecursionError):
        raise OutOfBoundsError("What the run remembers is no JSON object that can be stored.") from None
    if not isinstance(mended, dict) or size > MAX_REMEMBERED_BYTES:
        raise OutOfBoundsError(f"What the run remembers is no JSON object of at most {MAX_REMEMBERED_BYTES} bytes.")
    return mended


def file_count(count: int) -> None:
    """Raise :class:`OutOfBoundsError` for more files than a result may have."""
    if count > MAX_FILES:
        raise OutOfBoundsError(f"The result has {count} files; at most {MAX_FILES} are taken.")


def side(value: Any) -> int | None:
    """Return a width or height in pixels, None for what is none."""
    if value is None:
        return None
    try:
        pixels: int = round(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return pixels if 0 <= pixels <= MAX_SIDE else None


def duration(value: Any) -> float | None:
    """Return a duration in seconds, None for what is none."""
    seconds = _number(value)
    return seconds if seconds is not None and 0 <= seconds <= MAX_DURATION else None


def wait(value: Any) -> float | None:
    """Return the seconds to wait before the next try, None for what is no such number."""
    seconds = _number(value)
    return min(seconds, LONGEST_WAIT) if seconds is not None and seconds > 0 else None


def media_type(value: Any) -> str:
    """Return a media type without parameters, that of unknown bytes for what is none."""
    return _media_type_in(str(value)[:MAX_TYPE])


@lru_cache(maxsize=256)
def _media_type_in(text: str) -> str:
    kind = text.partition(";")[0].strip().lower()
    return kind if _media_type.fullmatch(kind) else "application/octet-stream"


def names(values: Iterable[Any]) -> tuple[frozenset[str], int]:
    """Return those of a machine's model or node names that can be told, and how many cannot."""
    kept: set[str] = set()
    size = left_out = 0
    for value in values:
        if not is_name(value) or len(kept) == MAX_NAMES or size > MAX_NAMES_BYTES:
            left_out += 1
            continue
        kept.add(value)
        size += len(value.encode())
    return frozenset(kept), left_out


def is_name(value: Any) -> bool:
    """Whether a value is a text that can be stored as it is, and not too long."""
    return isinstance(value, str) and len(value) <= MAX_NAME and storable(value) == value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
