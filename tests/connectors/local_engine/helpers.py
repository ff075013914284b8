"""Input files for the local engine, and running it without a worker."""

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from tests.connectors.contract import RecordingContext, content_of, make_ticket

from emprops.connectors.base import Outcome, Produced
from emprops.connectors.local_engine.connector import LocalEngine

PHOTO, TALL, CLEAR = "http://files/photo.jpg", "http://files/tall.webp", "http://files/clear.png"
BROKEN, FAKE, BOMB, LARGE = (f"http://files/{name}" for name in ("broken.png", "fake.png", "bomb.png", "large.png"))
BIGGER, BIGGEST = "http://files/bigger.png", "http://files/biggest.png"


def bomb(side: int) -> bytes:
    """A PNG that claims to be side × side pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100_000))
    chunks = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, data)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


async def run(
    job_type: str, payload: Mapping[str, Any], folder: Path, files: Mapping[str, Path] | None = None
) -> Outcome:
    return await LocalEngine().run(make_ticket(job_type, payload), RecordingContext(folder, files or {}))


def only(outcome: Outcome) -> Produced:
    assert len(outcome.files) == 1
    return outcome.files[0]


def decoded(file: Produced) -> Image.Image:
    picture = Image.open(io.BytesIO(content_of(file)))
    picture.load()
    return picture
