"""The plan of a HEIF picture (ISO 23008-12): which coded items it is made of, and how they are put together.

Phones store a large picture as a grid of small ones. FFmpeg decodes the items and leaves the rest to its caller. The
usual library for all of it, libheif, is not used: flaws in it that run an attacker's code are found too often, and the
Python packages of it ship fixes late.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_META = 8 * 1024 * 1024
MAX_BOXES = 4096


class MalformedError(Exception):
    """The file's boxes make no sense."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a picture is put together."""

    tiles: tuple[int, ...]
    """The ids of its items, row by row."""
    columns: int
    size: tuple[int, int] | None
    """Width and height of a grid; None: the picture is its only item."""
    changes: tuple[tuple[str, int], ...]
    """``("irot", quarter turns counterclockwise)`` and ``("imir", axis)``, in the order they are done."""
    profile: bytes | None
    """An ICC profile."""


class _Reader:
    """Big-endian numbers, one after the other."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def number(self, size: int) -> int:
        """Return the next ``size`` bytes as a number; none are 0."""
        part = self.data[self.at : self.at + size]
        if len(part) < size:
            raise MalformedError
        self.at += size
        return int.from_bytes(part, "big")


@dataclass(slots=True)
class _Meta:
    data: bytes
    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    places: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    """Of each item: 0 in the file or 1 in ``idat``, offset, length."""
    idat: bytes = b""


def read_plan(path: str) -> Plan:
    """Read the plan of a file's main picture. Raises :class:`MalformedError`."""
    meta = _Meta(_meta_of(path))
    try:
        for name, body in _boxes(meta.data[4:]):
            if name in _READERS:
                _READERS[name](meta, body)
        return _plan(meta, path)
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise MalformedError from error


def _plan(meta: _Meta, path: str) -> Plan:
    item = meta.primary
    own = [meta.properties[index - 1] for index in meta.owned.get(item, []) if 0 < index <= len(meta.properties)]
    changes = tuple((name.decode(), body[0] & 3) for name, body in own if name in (b"irot", b"imir") and body)
    profile = next((body[4:] for name, body in own if name == b"colr" and body[:4] in (b"prof", b"rICC")), None)
    if meta.kinds.get(item) != b"grid":
        return Plan((item,), 1, None, changes, profile)
    reader = _Reader(_content(meta, item, path), 1)
    wide = 4 if reader.number(1) & 1 else 2
    rows, columns = reader.number(1) + 1, reader.number(1) + 1
    size = (reader.number(wide), reader.number(wide))
    tiles = meta.parts.get(item, [])
    if len(tiles) != rows * columns:
        raise MalformedError
    return Plan(tuple(tiles), columns, size, changes, profile)


def _content(meta: _Meta, item: int, path: str) -> bytes:
    method, offset, length = meta.places[item]
    if length > 64:
        raise MalformedError
    if method == 1:
        return meta.idat[offset : offset + length]
    with Path(path).open("rb") as file:
        file.seek(offset)
        return file.read(length)


def _meta_of(path: str) -> bytes:
    with Path(path).open("rb") as file:
        for _ in range(MAX_BOXES):
            head = file.read(8)
            if len(head) < 8:
                break
            size, name = struct.unpack(">I4s", head)
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            if name == b"meta" and 8 <= size <= MAX_META:
                return file.read(size - 8)
            if size < 8:
                break
            file.seek(size - 8, 1)
    raise MalformedError


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(MAX_BOXES):
        if at + 8 > len(data):
            return
        size, name = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield name, data[at + 8 : at + size]
        at += size


def _primary(meta: _Meta, body: bytes) -> None:
    meta.primary = _Reader(body, 4).number(2 if body[0] == 0 else 4)


def _kinds(meta: _Meta, body: bytes) -> None:
    for name, entry in _boxes(body[6 if body[0] == 0 else 8 :]):
        if name == b"infe" and entry[0] >= 2:
            reader = _Reader(entry, 4)
            item = reader.number(2 if entry[0] == 2 else 4)
            meta.kinds[item] = entry[reader.at + 2 : reader.at + 6]


def _parts(meta: _Meta, body: bytes) -> None:
    wide = 2 if body[0] == 0 else 4
    for name, entry in _boxes(body[4:]):
        if name == b"dimg":
            reader = _Reader(entry)
            item, count = reader.number(wide), reader.number(2)
            meta.parts[item] = [reader.number(wide) for _ in range(count)]


def _properties(meta: _Meta, body: bytes) -> None:
    for name, content in _boxes(body):
        if name == b"ipco":
            meta.properties = list(_boxes(content))
        elif name == b"ipma":
            wide_id, wide_index = 2 if content[0] == 0 else 4, 2 if content[3] & 1 else 1
            reader = _Reader(content, 4)
            for _ in range(reader.number(4)):
                item, count = reader.number(wide_id), reader.number(1)
                mask = 0x7FFF if wide_index == 2 else 0x7F  # the upper bit says whether the property is essential
                meta.owned[item] = [reader.number(wide_index) & mask for _ in range(count)]


def _places(meta: _Meta, body: bytes) -> None:
    version, reader = body[0], _Reader(body, 4)
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(reader.number(2 if version < 2 else 4)):
        item = reader.number(2 if version < 2 else 4)
        method = reader.number(2) & 15 if version else 0
        reader.number(2)
        base = reader.number(base_size)
        for extent in range(reader.number(2)):
            reader.number(index_size if version else 0)
            offset, length = reader.number(offset_size), reader.number(length_size)
            if extent == 0:
                meta.places[item] = (method, base + offset, length)


def _idat(meta: _Meta, body: bytes) -> None:
    meta.idat = body


_READERS = {
    b"pitm": _primary,
    b"iinf": _kinds,
    b"iref": _parts,
    b"iprp": _properties,
    b"iloc": _places,
    b"idat": _idat,
}
