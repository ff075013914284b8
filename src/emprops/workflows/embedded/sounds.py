"""Texts in FLAC, Ogg (Opus, Vorbis) and MP3 files, found without looking at a sample.

FLAC and Ogg have Vorbis comments, ``workflow={…}``; MP3 has an ID3 tag with frames ``TXXX``, and ``COMM`` for comments.
"""

from collections.abc import Iterator

from emprops.workflows.embedded.source import MAX_TEXT, Source, Text, UnreadableFileError, named

COMMENTS = 4
"""The type of the FLAC block that has comments."""
COMMENT_HEADERS = (b"OpusTags", b"\x03vorbis")
ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
UNSYNCHRONISED, EXTENDED = 0x80, 0x40
PACKED, ENCRYPTED = 0x08, 0x04


def in_flac(source: Source) -> Iterator[Text]:
    """Yield the texts of a FLAC file."""
    source.go(4)
    is_last = False
    while not is_last and source.at + 4 <= source.size:
        source.part()
        head, length = source.number(1), source.number(3)
        is_last = bool(head & 0x80)
        end = source.at + length
        if head & 0x7F == COMMENTS:
            yield from _comments(source.read(length))
        source.go(end)


def in_ogg(source: Source) -> Iterator[Text]:
    """Yield the texts of an Ogg file: those of the second packet of each of its streams."""
    packets: dict[bytes, list[bytearray]] = {}
    done: set[bytes] = set()
    while source.at + 27 <= source.size and (not packets or done < packets.keys()):
        source.part()
        head = source.read(27)
        if head[:4] != b"OggS":
            raise UnreadableFileError("The sound is damaged: its pages cannot be told apart.")
        serial, lengths = head[14:18], source.read(head[26])
        if serial in done:
            source.go(source.at + sum(lengths))
            continue
        found = packets.setdefault(serial, [bytearray()])
        page, at = source.read(sum(lengths)), 0
        for length in lengths:
            found[-1] += page[at : at + length]
            at += length
            if length < 255:
                found.append(bytearray())
        if len(found) > 2:
            done.add(serial)
            yield from _header(bytes(found[1]))


def _header(packet: bytes) -> Iterator[Text]:
    for start in COMMENT_HEADERS:
        if packet.startswith(start):
            yield from _comments(packet[len(start) :])
    if packet[:1] and packet[0] & 0x7F == COMMENTS:  # FLAC within Ogg
        yield from _comments(packet[4:])


def _comments(block: bytes) -> Iterator[Text]:
    def number(at: int) -> int:
        return int.from_bytes(block[at : at + 4], "little")

    at = 4 + number(0)
    left, at = number(at), at + 4
    while left > 0 and at + 4 <= len(block):
        length = number(at)
        name, _, text = block[at + 4 : at + 4 + length].partition(b"=")
        yield from named(name, text)
        left, at = left - 1, at + 4 + length


def in_mp3(source: Source) -> Iterator[Text]:
    """Yield the texts of an MP3 file's ID3 tag."""
    source.go(0)
    head = source.read(10) if source.size >= 10 else b""
    if head[:3] != b"ID3":
        return
    version, flags = head[3], head[5]
    length = _seven(head[6:10])
    if length > min(MAX_TEXT, source.size - 10):
        raise UnreadableFileError("The sound is damaged: its ID3 tag ends too early, or is too long.")
    tag = source.read(length)
    if flags & UNSYNCHRONISED and version < 4:
        tag = tag.replace(b"\xff\x00", b"\xff")
    at = 0
    if flags & EXTENDED:
        at = _seven(tag[:4]) if version >= 4 else 4 + int.from_bytes(tag[:4])
    yield from _frames(source, tag, at, version)


def _frames(source: Source, tag: bytes, at: int, version: int) -> Iterator[Text]:
    name_length, head_length = (3, 6) if version < 3 else (4, 10)
    while at + head_length < len(tag) and tag[at]:
        source.part()
        name, size = tag[at : at + name_length], tag[at + name_length : at + 2 * name_length]
        length = _seven(size) if version >= 4 else int.from_bytes(size)
        content = tag[at + head_length : at + head_length + length]
        flags = tag[at + 9] if version >= 4 else 0
        if flags & 0x02:
            content = content.replace(b"\xff\x00", b"\xff")
        if flags & 0x01:
            content = content[4:]
        if not flags & (PACKED | ENCRYPTED):
            yield from _frame(name, content)
        at += head_length + length


def _frame(name: bytes, content: bytes) -> Iterator[Text]:
    if name not in (b"TXXX", b"TXX", b"COMM", b"COM") or not content or content[0] >= len(ENCODINGS):
        return
    is_comment = name.startswith(b"COM")
    encoding, text = ENCODINGS[content[0]], content[4 if is_comment else 1 :]
    plain = text.decode(encoding, "replace")
    title, _, value = plain.partition("\0")
    value = value.strip("\0\ufeff\ufffe")
    if value:
        yield ("comment" if is_comment else title.lower()), value


def _seven(raw: bytes) -> int:
    """Read a whole number of which each byte has seven bits."""
    number = 0
    for byte in raw:
        number = number << 7 | byte & 0x7F
    return number
