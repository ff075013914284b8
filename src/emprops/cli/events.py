"""Server-sent events, as they are read."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson


def read_events(texts: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Return ``(event name, decoded data)`` of each event. Raises ``ValueError`` for data that is no JSON."""
    name, data = "", ""
    for line in _lines(texts):
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line and data:
            yield name, orjson.loads(data)
            name, data = "", ""


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Split a stream into lines as server-sent events do: at CR, LF or both, not at what Unicode calls a line's end."""
    rest = ""
    for text in texts:
        # a CR at the end may be the first half of a CR LF
        *lines, rest = re.split(r"\r\n|\n|\r(?!$)", rest + text)
        yield from lines
    if rest:
        yield rest.rstrip("\r")
