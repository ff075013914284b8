"""What a request that goes out brings back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read to its end. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    file: Path | None = None
    """Where the body is instead, if :class:`Saving` said so."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Where the body of a 2xx answer goes whose type begins with one of ``kinds``: to disk, as it comes."""

    to: Path
    kinds: tuple[str, ...]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file brought here."""

    path: Path
    mime_type: str
    size: int
