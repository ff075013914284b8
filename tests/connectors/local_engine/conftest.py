import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.connectors.local_engine.helpers import (
    BIGGER,
    BIGGEST,
    BOMB,
    BROKEN,
    CLEAR,
    FAKE,
    LARGE,
    PHOTO,
    TALL,
    bomb,
)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Input files by URL, good ones and bad ones."""
    folder = tmp_path_factory.mktemp("pictures")
    ramp = np.linspace(0, 255, 320, dtype=np.uint8)
    rgb = np.stack([np.tile(ramp, (200, 1)), np.tile(ramp[:200, None], (1, 320)), np.full((200, 320), 90)], axis=2)
    photo = Image.fromarray(rgb.astype(np.uint8))
    files = {
        url: folder / url.rsplit("/", 1)[1] for url in (PHOTO, TALL, CLEAR, BROKEN, FAKE, BOMB, BIGGER, BIGGEST, LARGE)
    }
    photo.save(files[PHOTO])
    photo.crop((0, 0, 100, 200)).save(files[TALL])
    photo.convert("RGBA").resize((64, 48)).save(files[CLEAR])
    whole = io.BytesIO()
    photo.save(whole, "PNG")
    files[BROKEN].write_bytes(whole.getvalue()[:400])
    photo.save(files[FAKE], "TIFF")
    for url, side in ((BOMB, 9_000), (BIGGER, 11_000), (BIGGEST, 50_000)):
        files[url].write_bytes(bomb(side))
    Image.new("L", (4100, 4100)).save(files[LARGE])
    return files
