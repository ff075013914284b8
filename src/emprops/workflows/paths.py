"""``pathJq`` of a workflow's inputs: where in a payload a form field goes. Keys and indices only, nothing to evaluate.

``.prompt``, ``.payload.image[0].url``, ``.["content-type"]``.
"""

import re
from typing import Any

Path = tuple[str | int, ...]

PART = re.compile(r'\.?\[(?P<index>\d{1,4})\]|\.?\["(?P<quoted>[^"\\]{1,256})"\]|\.(?P<key>[A-Za-z_][\w-]{0,255})')
MAX_INDEX = 1000
MAX_PARTS = 32


class PathError(ValueError):
    """A path cannot be read, or does not fit the payload; the sentence says why."""


def parse_path(text: object) -> Path:
    """Read a path. Raises :class:`PathError`."""
    if not isinstance(text, str) or not text.startswith((".", "[")):
        raise PathError(f"pathJq must be a path such as .prompt or .image[0].url, not {text!r}")
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        found = PART.match(text, at)
        if found is None or len(parts) == MAX_PARTS:
            raise PathError(f"pathJq {text!r} cannot be read from character {at + 1} on: only keys and indices")
        parts.append(int(found["index"]) if found["index"] else found["key"] or found["quoted"])
        at = found.end()
    return tuple(parts)


def set_path(tree: Any, path: Path, value: Any) -> Any:
    """Put a value at a path and give the tree; objects and lists that are missing on the way are made.

    Changes ``tree``. Raises :class:`PathError` if the path leads through something else than an object or a list, or
    leaves a gap in a list.
    """
    if not path:
        return copied(value)
    part, rest = path[0], path[1:]
    if isinstance(part, str):
        tree = {} if tree is None else tree
        if not isinstance(tree, dict):
            raise PathError(f"there is no key {part} in {_kind(tree)}")
        tree[part] = set_path(tree.get(part), rest, value)
        return tree
    tree = [] if tree is None else tree
    if not isinstance(tree, list):
        raise PathError(f"there is no index {part} in {_kind(tree)}")
    if part > min(len(tree), MAX_INDEX):
        raise PathError(f"index {part} leaves a gap in a list of {len(tree)}")
    if part == len(tree):
        tree.append(None)
    tree[part] = set_path(tree[part], rest, value)
    return tree


def copied(tree: Any) -> Any:
    """Copy objects and lists; everything in them is immutable."""
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


def _kind(value: object) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return "a text" if isinstance(value, str) else "a single value"
