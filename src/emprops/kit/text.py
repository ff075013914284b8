"""Texts from outside, made such that JSON, Redis and PostgreSQL take them."""

import re
from typing import Any

REPLACEMENT = "\ufffd"
_BROKEN = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\x00\ud800-\udfff]")


class TooDeepError(ValueError):
    """Data are nested deeper than allowed."""


def spelled(value: object) -> str:
    """Return a value as people read it: true and false as JSON spells them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def storable(text: str) -> str:
    """Return the text with each NUL and lone surrogate replaced by U+FFFD, and split surrogate pairs joined.

    UTF-8 cannot encode a surrogate, and PostgreSQL stores no NUL; Python reads both from JSON, and from file names.
    """
    return text if text.isascii() and "\x00" not in text else _BROKEN.sub(_mended, text)


def storable_json(value: Any, *, max_depth: int | None = None) -> Any:
    """Return JSON data with every text in it, keys too, made :func:`storable`. Tuples become lists.

    Raises :class:`TooDeepError` for lists and dicts nested more than ``max_depth`` levels deep; without a limit, data
    that contain themselves have no end.
    """
    top = [value]
    unseen: list[tuple[Any, Any, Any, int]] = [(top, 0, value, 1)]
    while unseen:  # depth first and without recursion: foreign data may be nested deeper than Python's stack
        holder, place, item, depth = unseen.pop()
        if isinstance(item, str):
            holder[place] = storable(item)
        elif isinstance(item, dict | list | tuple):
            if max_depth is not None and depth > max_depth:
                raise TooDeepError(f"nested deeper than {max_depth} levels")
            fresh, inside = _copied(item)
            holder[place] = fresh
            unseen += [(fresh, name, inner, depth + 1) for name, inner in inside]
    return top[0]


def _copied(item: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Copy one level; return it with its places and what is there, of which only texts and containers matter."""
    if isinstance(item, dict):
        fresh = {storable(name) if isinstance(name, str) else name: inner for name, inner in item.items()}
        places = fresh.items()
        return fresh, [(name, inner) for name, inner in places if isinstance(inner, str | dict | list | tuple)]
    listed = list(item)
    return listed, [(n, inner) for n, inner in enumerate(listed) if isinstance(inner, str | dict | list | tuple)]


def _mended(found: re.Match[str]) -> str:
    broken = found[0]
    return REPLACEMENT if len(broken) == 1 else broken.encode("utf-16", "surrogatepass").decode("utf-16")
