"""How assets are named where files are asked for: ``asset:<id>``. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

_ID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAMED: Final = re.compile(rf"\s*asset:({_ID})\s*", re.IGNORECASE)
_CONTENT: Final = re.compile(rf"(?:/api)?/assets/({_ID})/content", re.IGNORECASE)
BARE: Final = re.compile(rf"\s*(?:output:)?({_ID})\s*", re.IGNORECASE)
"""An id alone, or that of an output."""


def named(asset_id: UUID) -> str:
    """Return what a variable is set to that takes an asset."""
    return f"asset:{asset_id}"


def asset_in(value: Any) -> UUID | None:
    """Return the asset that a value names, None if it names none."""
    match = _NAMED.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else UUID(match[1])


def asset_at(path: str) -> UUID | None:
    """Return the asset whose content is at a path of ours, None if none's is."""
    match = _CONTENT.fullmatch(path)
    return None if match is None else UUID(match[1])


def assets_in(values: Iterable[Any]) -> set[UUID]:
    """Return the assets that are named anywhere in these values."""
    return {found for text in texts_in(values) if (found := asset_in(text)) is not None}


def replaced(value: Any, put: Callable[[str], str]) -> Any:
    """Return JSON data with each text replaced by what ``put`` makes of it."""
    if isinstance(value, str):
        return put(value)
    if isinstance(value, Mapping):
        return {key: replaced(item, put) for key, item in value.items()}
    return [replaced(item, put) for item in value] if isinstance(value, list) else value


def texts_in(values: Iterable[Any]) -> Iterator[str]:
    """Yield the texts that are anywhere in these values."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from texts_in(value.values())
        elif isinstance(value, list | tuple):
            yield from texts_in(value)
