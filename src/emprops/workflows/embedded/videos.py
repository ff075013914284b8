"""Texts in MP4, MOV, WebM and Matroska videos, found without looking at a frame.

MP4 and MOV: boxes ``moov/udta/meta`` or ``moov/meta`` with ``keys`` and ``ilst``, and the older kinds of ``ilst``
entries. Matroska: ``Segment/Tags/Tag/SimpleTag``.
"""

from collections.abc import Iterator

from emprops.workflows.embedded.source import Source, Text, decoded, named

COMMENT = b"\xa9cmt"
SEGMENT, CLUSTER, TAGS, TAG = 0x18538067, 0x1F43B675, 0x1254C367, 0x7373
SIMPLE_TAG, TAG_NAME, TAG_STRING = 0x67C8, 0x45A3, 0x4487
HOLDERS = frozenset({SEGMENT, TAGS, TAG})


def in_mp4(source: Source) -> Iterator[Text]:
    """Yield the texts of an MP4 or MOV file."""
    for kind, start, end in _boxes(source, 0, source.size):
        if kind == b"moov":
            yield from _movie(source, start, end)
        elif kind in (b"udta", b"meta"):
            yield from _user_data(source, kind, start, end)


def _movie(source: Source, start: int, end: int) -> Iterator[Text]:
    for kind, inner, last in _boxes(source, start, end):
        if kind in (b"udta", b"meta"):
            yield from _user_data(source, kind, inner, last)


def _user_data(source: Source, kind: bytes, start: int, end: int) -> Iterator[Text]:
    if kind == b"meta":
        yield from _metadata(source, start, end)
        return
    for inner_kind, inner, last in _boxes(source, start, end):
        if inner_kind == b"meta":
            yield from _metadata(source, inner, last)
        elif inner_kind == COMMENT and last - inner > 4:
            source.go(inner + 4)  # QuickTime's own: a length and a language before the text
            yield from named(b"comment", source.read(last - inner - 4))


def _metadata(source: Source, start: int, end: int) -> Iterator[Text]:
    source.go(start)
    # QuickTime has no version and flags here, and begins with a box.
    start += 0 if end - start >= 8 and source.read(8)[4:] in (b"hdlr", b"keys", b"ilst") else 4
    keys: list[bytes] = []
    for kind, inner, last in _boxes(source, start, end):
        if kind == b"keys":
            keys = list(_keys(source, inner, last))
        elif kind == b"ilst":
            for name, item, item_end in _boxes(source, inner, last):
                yield from _item(source, keys, name, item, item_end)


def _keys(source: Source, start: int, end: int) -> Iterator[bytes]:
    for _, inner, last in _boxes(source, start + 8, end):
        source.go(inner)
        yield source.read(last - inner)


def _item(source: Source, keys: list[bytes], kind: bytes, start: int, end: int) -> Iterator[Text]:
    number = int.from_bytes(kind)
    name = keys[number - 1] if 1 <= number <= len(keys) else b"comment" if kind == COMMENT else kind
    for inner_kind, inner, last in _boxes(source, start, end):
        if inner_kind == b"name" and kind == b"----" and last - inner > 4:
            source.go(inner + 4)
            name = source.read(last - inner - 4)
        elif inner_kind == b"data" and last - inner > 8:
            source.go(inner + 8)
            yield from named(name.rpartition(b".")[2], source.read(last - inner - 8))


def _boxes(source: Source, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box in a stretch."""
    at = start
    while at + 8 <= end:
        source.part()
        source.go(at)
        size, kind, header = source.number(4), source.read(4), 8
        if size == 1 and at + 16 <= end:
            size, header = source.number(8), 16
        last = end if size == 0 else at + size
        if last < at + header or last > end:
            return  # whatever follows, it is no box
        yield kind, at + header, last
        at = last


def in_matroska(source: Source) -> Iterator[Text]:
    """Yield the texts of a WebM or Matroska file."""
    at = 0
    while at < source.size:
        kind, start, end = _element(source, at)
        if kind == SIMPLE_TAG and end is not None:
            yield from _tag(source, start, end)
        # What streams write has no size. Clusters then have elements of no interest in them, and end by themselves.
        at = start if end is None or kind in HOLDERS else end


def _tag(source: Source, start: int, end: int) -> Iterator[Text]:
    found = {TAG_NAME: b"", TAG_STRING: b""}
    while start < end:
        kind, inner, last = _element(source, start)
        if last is None:
            return
        if kind in found:
            source.go(inner)
            found[kind] = source.read(last - inner)
        start = last
    yield from named(decoded(found[TAG_NAME]).encode(), found[TAG_STRING])


def _element(source: Source, at: int) -> tuple[int, int, int | None]:
    """Read an element's head: its id, where its content starts, and where it ends; None if that is not said."""
    source.part()
    source.go(at)
    kind, _ = _number(source, keep=True)
    size, unknown = _number(source, keep=False)
    return kind, source.at, None if unknown else source.at + size


def _number(source: Source, *, keep: bool) -> tuple[int, bool]:
    """Read a number of variable length; ``keep`` the bit that says how long. Also tells whether it means "unknown"."""
    first = source.number(1)
    more = 8 - first.bit_length()
    value = (first << 8 * more | source.number(more)) if more else first
    bits = 7 * (more + 1)
    plain = value & ((1 << bits) - 1)
    return (value if keep else plain), plain == (1 << bits) - 1
