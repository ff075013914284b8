"""Texts in PNG and WebP pictures, found without looking at a pixel.

PNG: chunks ``tEXt``, ``zTXt``, ``iTXt``, and ``comf`` of animations. WebP: an Exif chunk, whose texts begin with their
name, ``workflow:{…}``.
"""

from collections.abc import Iterator

from emprops.workflows.embedded.source import Source, Text, UnreadableFileError, decoded, named

PNG = b"\x89PNG\r\n\x1a\n"
PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"comf"})
EXIF = b"Exif\0\0"
ASCII = 2
"""The type of texts in Exif."""
MAX_ENTRIES = 1000


def in_png(source: Source) -> Iterator[Text]:
    """Yield the texts of a PNG picture."""
    source.go(len(PNG))
    while source.at + 12 <= source.size:
        source.part()
        length, kind = source.number(4), source.read(4)
        end = source.at + length + 4
        if kind in PNG_TEXTS:
            yield from _png_text(source, kind, source.read(length))
        if kind == b"IEND":
            return
        source.go(end)


def _png_text(source: Source, kind: bytes, content: bytes) -> Iterator[Text]:
    name, _, text = content.partition(b"\0")
    if kind == b"zTXt":
        text = source.unpack(text[1:])
    elif kind == b"iTXt":
        is_packed = text[:1] == b"\1"
        text = text[2:].split(b"\0", 2)[-1]  # behind the language, and the name in it
        text = source.unpack(text) if is_packed else text
    yield from named(name, text)


def in_webp(source: Source) -> Iterator[Text]:
    """Yield the texts of a WebP picture."""
    source.go(12)
    while source.at + 8 <= source.size:
        source.part()
        kind, length = source.read(4), int.from_bytes(source.read(4), "little")
        end = source.at + length + length % 2
        if kind == b"EXIF":
            yield from _exif(source, source.read(length).removeprefix(EXIF))
        source.go(end)


def _exif(source: Source, tiff: bytes) -> Iterator[Text]:
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order is None:
        raise UnreadableFileError("The picture is damaged: its Exif data cannot be read.")

    def number(at: int, count: int) -> int:
        return int.from_bytes(tiff[at : at + count], order)  # type: ignore[arg-type]

    first = number(4, 4)
    for entry in range(min(number(first, 2), MAX_ENTRIES)):
        at = first + 2 + 12 * entry
        kind, length, where = number(at + 2, 2), number(at + 4, 4), number(at + 8, 4)
        if kind == ASCII and length > 4:
            source.count(length)  # entries may all show the same bytes
            name, colon, text = decoded(tiff[where : where + length]).partition(":")
            if colon:
                yield name.lower(), text
