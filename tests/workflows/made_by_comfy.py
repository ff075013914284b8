"""Files as ComfyUI and its common packs save them: the workflow in them, and hardly anything to see or hear."""

import io
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import av
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

Texts = Mapping[str, str]


def texts_of(workflow: Any = None, prompt: Any = None) -> dict[str, str]:
    """The texts that save nodes keep, in their order."""
    given = {"prompt": prompt, "workflow": workflow}
    return {name: json.dumps(graph) for name, graph in given.items() if graph is not None}


def png(texts: Texts, *, packed: bool = False, international: bool = False) -> bytes:
    known = PngInfo()
    for name, text in texts.items():
        if international:
            known.add_itxt(name, text, zip=packed)
        else:
            known.add_text(name, text, zip=packed)
    return _saved(Image.new("RGB", (8, 8)), "PNG", pnginfo=known)


def animated_png(texts: Texts) -> bytes:
    known = PngInfo()
    for name, text in texts.items():
        known.add(b"comf", name.encode() + b"\0" + text.encode(), after_idat=True)
    more = [Image.new("RGB", (8, 8), "red")]
    return _saved(Image.new("RGB", (8, 8)), "PNG", pnginfo=known, save_all=True, append_images=more)


def webp(texts: Texts, *, frames: int = 1) -> bytes:
    exif = Image.new("RGB", (8, 8)).getexif()
    tags = {"prompt": 0x0110, "workflow": 0x010F}
    for name, text in texts.items():
        exif[tags[name]] = f"{name}:{text}"
    pictures = [Image.new("RGB", (9, 9), (40 * n, 0, 0)) for n in range(frames)]
    return _saved(pictures[0], "WEBP", exif=exif, save_all=True, append_images=pictures[1:])


def _saved(picture: Image.Image, kind: str, **more: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def video(texts: Texts, kind: str, *, codec: str = "mpeg4", **options: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind, options=options) as container:
        container.metadata.update(texts)
        stream = container.add_stream(codec, rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for frame in [av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))] * 2:
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return file.getvalue()


def sound(texts: Texts, kind: str, codec: str, **options: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind, options=options) as container:
        container.metadata.update(texts)
        stream = container.add_stream(codec, rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def vorbis(texts: Texts) -> bytes:
    """The two packets that an Ogg Vorbis file begins with; the second one is on as many pages as it takes."""
    comments = [f"{name.upper()}={text}".encode() for name, text in texts.items()]
    block = [b"lib", len(comments).to_bytes(4, "little"), *comments]
    second = b"\x03vorbis" + b"".join(
        part if n == 1 else len(part).to_bytes(4, "little") + part for n, part in enumerate(block)
    )
    pages = [_page([30], b"\x01vorbis" + bytes(23))]
    for at in range(0, len(second) + 1, 255 * 255):
        part = second[at : at + 255 * 255]
        ends = [len(part) % 255] if len(part) < 255 * 255 else []
        pages.append(_page([255] * (len(part) // 255) + ends, part))
    return b"".join(pages)


def _page(lengths: list[int], content: bytes) -> bytes:
    return b"OggS" + bytes(10) + b"fox." + bytes(8) + bytes([len(lengths), *lengths]) + content


def _comment(texts: Texts) -> Texts:
    """As Video Helper Suite keeps them: both in one text."""
    graphs = {name: json.loads(text) if name == "workflow" else text for name, text in texts.items()}
    return {"comment": json.dumps(graphs)} if graphs else {}


TAGS = {"movflags": "use_metadata_tags"}
KINDS: dict[str, Callable[[Texts], bytes]] = {
    "picture.png": png,
    "packed.png": lambda texts: png(texts, packed=True),
    "international.png": lambda texts: png(texts, international=True),
    "packed_international.png": lambda texts: png(texts, packed=True, international=True),
    "animated.png": animated_png,
    "picture.webp": webp,
    "animated.webp": lambda texts: webp(texts, frames=2),
    "video.mp4": lambda texts: video(texts, "mp4", **TAGS),
    "streamed.mp4": lambda texts: video(texts, "mp4", movflags="use_metadata_tags+frag_keyframe+empty_moov"),
    "combined.mp4": lambda texts: video(_comment(texts), "mp4", **TAGS),
    "combined_plain.mp4": lambda texts: video(_comment(texts), "mp4"),
    "video.mov": lambda texts: video(texts, "mov", **TAGS),
    "combined_plain.mov": lambda texts: video(_comment(texts), "mov"),
    "video.webm": lambda texts: video(texts, "webm", codec="libvpx-vp9"),
    "live.webm": lambda texts: video(texts, "webm", codec="libvpx-vp9", live="1"),
    "combined.webm": lambda texts: video(_comment(texts), "webm", codec="libvpx-vp9"),
    "video.mkv": lambda texts: video(texts, "matroska"),
    "sound.flac": lambda texts: sound(texts, "flac", "flac"),
    "sound.mp3": lambda texts: sound(texts, "mp3", "libmp3lame"),
    "old_tag.mp3": lambda texts: sound(texts, "mp3", "libmp3lame", id3v2_version="3"),
    "sound.opus": lambda texts: sound(texts, "opus", "libopus"),
    "sound.ogg": vorbis,
    "flac.ogg": lambda texts: sound(texts, "ogg", "flac"),
}
"""Names with their extension, and how such a file is made."""


def bomb(kind: bytes = b"zTXt") -> bytes:
    """A PNG picture whose text unpacks to a lot more."""
    inner = zlib.compressobj(9)
    packed = b"".join([inner.compress(bytes(1024 * 1024)) for _ in range(100)]) + inner.flush()
    content = b"workflow\0\0" + packed if kind == b"zTXt" else b"workflow\0\1\0\0\0" + packed
    chunk = len(content).to_bytes(4) + kind + content + bytes(4)
    return png({})[:33] + chunk + png({})[33:]
