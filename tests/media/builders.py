"""Small files of every kind, made as cameras, editors and phones make them."""

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageCms

HFLIP, VFLIP, TRANSPOSE, TRANSVERSE = (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)
CLOCKWISE, COUNTERCLOCKWISE, HALF_TURN = (0, 1, -1, 0), (0, -1, 1, 0), (-1, 0, 0, -1)
"""Display matrices a, b, c, d of ISO 14496-12: x' = a·x + c·y, y' = b·x + d·y, with y pointing down."""


def picture(kind: str, size: tuple[int, int] = (1200, 800), mode: str = "RGB", **options: object) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new(mode, size, "teal" if mode in ("RGB", "RGBA") else 1).save(buffer, kind, **options)
    return buffer.getvalue()


def saved(content: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of that kind."""
    buffer = io.BytesIO()
    content.save(buffer, kind, **options)
    return buffer.getvalue()


def grey16() -> bytes:
    """A PNG of 16-bit grey: a ramp from black at the left to white at the right."""
    ramp = np.tile(np.linspace(0, 65_535, 256).round().astype(np.uint16), (64, 1))
    return saved(Image.fromarray(ramp), "PNG")


def swapped_profile() -> bytes:
    """An ICC profile like sRGB with red and green exchanged, so that a reader who ignores it is found out."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", content, 128)
    names = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(content[at : at + 4])
        content[at : at + 4] = names.get(name, name)
    return bytes(content)


def quarters(size: tuple[int, int]) -> Image.Image:
    """Red, green, blue and white quarters, from the upper left clockwise: shows every turn and mirror."""
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (255, 255, 255), (0, 0, 255)])
    return image.resize(size, Image.Resampling.NEAREST)


def video(
    folder: Path,
    kind: str = "mp4",
    codec: str = "libx264",
    *,
    seconds: int = 2,
    size: tuple[int, int] = (320, 180),
    sar: Fraction | None = None,
    matrix: tuple[int, int, int, int] | None = None,
) -> bytes:
    """A video of :func:`quarters`: with the shape of its pixels, and the way it is to be turned when shown."""
    path = folder / f"made.{kind}"
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if sar is not None:
            stream.codec_context.sample_aspect_ratio = sar
        frame = av.VideoFrame.from_image(quarters(size))
        for index in range(10 * seconds):
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    path.unlink()
    return content if matrix is None else _shown(content, matrix)


def _shown(mp4: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """Set the matrix in the header of the only track."""
    at = mp4.index(b"tkhd") + 4 + 40
    a, b, c, d = (part << 16 for part in matrix)
    return mp4[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + mp4[at + 36 :]


def sound(folder: Path, kind: str = "wav", codec: str = "pcm_s16le", *, rate: int = 8000) -> bytes:
    """A second of silence."""
    path = folder / f"made.{kind}"
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        context = stream.codec_context
        context.open()
        size = context.frame_size or rate
        format_ = context.format.name
        kind_of_number = np.float32 if format_.startswith("flt") else np.int16
        for at in range(0, rate, size):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, min(size, rate - at)), dtype=kind_of_number), format=format_, layout="mono"
            )
            frame.sample_rate, frame.pts = rate, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    path.unlink()
    return content


def box(name: bytes, *parts: bytes) -> bytes:
    """A box of ISO 14496-12."""
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def full(name: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def with_cover(m4a: bytes) -> bytes:
    """Put a cover into a sound whose index comes last, as players and shops do."""
    cover = full(b"data", bytes(4), picture("PNG", (64, 64)), flags=14)
    handler = full(b"hdlr", bytes(4), b"mdirappl", bytes(9))
    tags = box(b"udta", full(b"meta", handler, box(b"ilst", box(b"covr", cover))))
    at = m4a.rindex(b"moov") - 4
    (size,) = struct.unpack_from(">I", m4a, at)
    assert at + size == len(m4a), "the index is expected at the end"
    return m4a[:at] + struct.pack(">I", size + len(tags)) + m4a[at + 4 :] + tags


def branded(content: bytes, major: bytes, *compatible: bytes) -> bytes:
    """Replace the brands of a file; room that is left over repeats the last compatible one."""
    (size,) = struct.unpack_from(">I", content)
    room = (size - 16) // 4
    brands = [compatible[min(at, len(compatible) - 1)] for at in range(room)] if compatible else []
    kept = b"".join(brands) or content[16:size]
    return content[:8] + major + content[12:16] + kept + content[size:]


def heic(folder: Path, *tiles: Image.Image, columns: int = 1, properties: tuple[bytes, ...] = ()) -> bytes:
    """A HEIC picture of one coded picture, or of a grid of them cut to 10 pixels less each way, as phones store it.

    ``properties`` belong to the picture: turns, mirrors, profiles.
    """
    coded = [_hevc(folder, tile) for tile in tiles]
    width, height = tiles[0].size
    rows = len(tiles) // columns
    grid = len(tiles) > 1
    items = [*range(1, len(tiles) + 1)]
    main = len(tiles) + 1 if grid else 1
    kinds = [(item, b"hvc1") for item in items] + ([(main, b"grid")] if grid else [])
    entries = b"".join(full(b"infe", struct.pack(">HH4s", item, 0, kind), b"\0", version=2) for item, kind in kinds)
    parts = [
        full(b"hdlr", bytes(4), b"pict", bytes(13)),
        full(b"pitm", struct.pack(">H", main)),
        full(b"iinf", struct.pack(">H", len(kinds)), entries),
    ]
    shape = (columns * width - 10, rows * height - 10) if grid else (width, height)
    if grid:
        links = struct.pack(f">HH{len(items)}H", main, len(items), *items)
        parts.append(full(b"iref", box(b"dimg", links)))
        parts.append(box(b"idat", struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *shape)))
    own = [full(b"ispe", struct.pack(">II", *shape)), *properties]
    shared = [coded[0][0], full(b"ispe", struct.pack(">II", width, height))]
    owned = [(item, [1, 2]) for item in items if item != main]
    owned.append((main, [*([] if grid else [1]), *range(3, 3 + len(own))]))
    table = b"".join(struct.pack(f">HB{len(those)}B", item, len(those), *those) for item, those in owned)
    parts.append(
        box(b"iprp", box(b"ipco", *shared, *own), full(b"ipma", struct.pack(">I", len(owned)), table)),
    )
    start = 0
    for _ in range(2):  # where the data start depends on the size of what says so
        meta = full(b"meta", *parts, _places([data for _, data in coded], start, main if grid else None))
        head = box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic") + meta
        start = len(head) + 8
    return head + box(b"mdat", *(data for _, data in coded))


def _places(contents: list[bytes], start: int, grid: int | None) -> bytes:
    places, at = b"", start
    for item, content in enumerate(contents, 1):
        places += struct.pack(">HHHHII", item, 0, 0, 1, at, len(content))
        at += len(content)
    if grid is not None:
        places += struct.pack(">HHHHII", grid, 1, 0, 1, 0, 8)
    return full(b"iloc", b"\x44\x00", struct.pack(">H", len(contents) + (grid is not None)), places, version=1)


def _hevc(folder: Path, content: Image.Image) -> tuple[bytes, bytes]:
    """The decoder's configuration as a box, and the coded picture."""
    path = folder / "tile.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=1)
        stream.width, stream.height, stream.pix_fmt = *content.size, "yuv420p"
        stream.options = {"x265-params": "log-level=none:info=0:qp=4:keyint=1:repeat-headers=1"}
        frame = av.VideoFrame.from_image(content)
        frame.pts, frame.time_base = 0, Fraction(1)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file = path.read_bytes()
    path.unlink()
    boxes = {}
    for name in (b"hvcC", b"mdat"):
        at = file.index(name) - 4
        (size,) = struct.unpack_from(">I", file, at)
        boxes[name] = file[at : at + size]
    return boxes[b"hvcC"], boxes[b"mdat"][8:]
