"""Metadata of pictures, taken out of the file without touching the picture. Pure.

Camera, place, time, author and the workflow that made it go; what says how the picture has to be shown (colour profile,
transparency, resolution, frames of an animation) stays. Whatever follows the end of the picture goes too.
"""

from collections.abc import Callable, Iterator

JFIF, ICC, ADOBE = 0xE0, 0xE2, 0xEE
START_OF_SCAN, END_OF_IMAGE, COMMENT = 0xDA, 0xD9, 0xFE
PNG_TELLS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
PNG_SHOWS = frozenset(
    (
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV"),
        *(b"cLLI", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT"),
    )
)
WEBP_SHOWS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"})
WEBP_EXIF_AND_XMP = 0b00001100
"""The bits of a VP8X header that announce what is taken out."""


class DamagedError(ValueError):
    """The file's parts do not fit together."""


def without_metadata(mime_type: str, content: bytes) -> bytes:
    """Return a picture without its metadata; the same bytes if there are none, or for a type that is not known here.

    Raises :class:`DamagedError`.
    """
    strip = _STRIPPERS.get(mime_type)
    return content if strip is None else b"".join(strip(memoryview(content)))


def _part(content: memoryview, start: int, length: int) -> memoryview:
    if length < 0 or start + length > len(content):
        raise DamagedError
    return content[start : start + length]


def _number(content: memoryview, start: int, length: int, order: str = "big") -> int:
    return int.from_bytes(_part(content, start, length), order)  # type: ignore[arg-type]


def _jpeg(content: memoryview) -> Iterator[memoryview | bytes]:
    """Pass markers on up to the end of the image, without those of applications that only tell something."""
    yield _part(content, 0, 2)
    at = 2
    while True:
        while bytes(content[at : at + 2]) == b"\xff\xff":  # fill bytes
            at += 1
        marker = _number(content, at + 1, 1)
        if content[at] != 0xFF:
            raise DamagedError
        if marker == END_OF_IMAGE:
            yield b"\xff\xd9"
            return
        segment = _part(content, at, 2 + _number(content, at + 2, 2))
        if _shows(marker, segment):
            yield segment
        at += len(segment)
        if marker == START_OF_SCAN:
            end = _end_of_scan(content, at)
            yield content[at:end]
            at = end


def _shows(marker: int, segment: memoryview) -> bool:
    if marker == ICC:
        return bytes(segment[4:16]) == b"ICC_PROFILE\0"
    if marker == JFIF:
        return bytes(segment[4:9]) == b"JFIF\0"
    return marker == ADOBE or not (0xE0 <= marker <= 0xEF or marker == COMMENT)


def _end_of_scan(content: memoryview, at: int) -> int:
    """Return where the next marker is that is neither an escaped byte nor a restart."""
    data = content.obj
    assert isinstance(data, bytes)  # noqa: S101 - without_metadata made it of bytes
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise DamagedError
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _png(content: memoryview) -> Iterator[memoryview | bytes]:
    yield _part(content, 0, 8)
    at = 8
    while True:
        chunk = _part(content, at, 12 + _number(content, at, 4))
        name = bytes(chunk[4:8])
        if name in PNG_SHOWS:
            yield chunk
        elif name not in PNG_TELLS and not name[0] & 0x20:
            raise DamagedError  # a critical chunk that no decoder knows
        at += len(chunk)
        if name == b"IEND":
            return


def _webp(content: memoryview) -> Iterator[memoryview | bytes]:
    end = 8 + _number(content, 4, 4, "little")
    at, kept = 12, []
    while at + 8 <= end:
        size = _number(content, at + 4, 4, "little")
        chunk: memoryview | bytes = _part(content, at, min(8 + size + size % 2, len(content) - at))
        at += 8 + size + size % 2
        name = bytes(chunk[:4])
        if name == b"VP8X":
            flags = chunk[8] & ~WEBP_EXIF_AND_XMP
            chunk = bytes(chunk[:8]) + bytes([flags]) + bytes(chunk[9:])
        if name in WEBP_SHOWS:
            kept.append(chunk)
    body = b"".join(kept)
    yield b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body


def _gif(content: memoryview) -> Iterator[memoryview | bytes]:
    table = content[10] if len(content) > 10 else 0
    at = 13 + (3 << (table & 7) + 1 if table & 0x80 else 0)
    yield _part(content, 0, at)
    while True:
        kind = _number(content, at, 1)
        if kind == 0x3B:
            yield b";"
            return
        start = at
        if kind == 0x2C:
            flags = _number(content, at + 9, 1)
            at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
            tells = False
        elif kind == 0x21:
            label = _number(content, at + 1, 1)
            application = bytes(content[at + 3 : at + 14])
            tells = label == 0xFE or (label == 0xFF and application not in (b"NETSCAPE2.0", b"ANIMEXTS1.0"))
            at += 2
        else:
            raise DamagedError
        while size := _number(content, at, 1):
            at += 1 + size
        at += 1
        if not tells:
            yield _part(content, start, at - start)


_STRIPPERS: dict[str, Callable[[memoryview], Iterator[memoryview | bytes]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
    "image/gif": _gif,
}
