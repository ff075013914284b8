"""``local_upscale``: a picture two or four times as large."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

from emprops.connectors.base import BadInputError, Outcome, Produced
from emprops.connectors.local_engine import payload
from emprops.connectors.local_engine.pictures import MAX_PIXELS, open_picture, to_png
from emprops.connectors.local_engine.work import Chunks

BANDS = 8
OVERLAP = 8
"""Source rows around a band: Lanczos looks 3 pixels far, sharpening 2 more in the result."""


def plan_upscale(fields: Mapping[str, Any]) -> tuple[str, int]:
    """Check the payload: ``(address, factor)``."""
    address = payload.url(fields, "image", purpose="the picture to enlarge")
    factor = payload.choice({"factor": _word(fields.get("factor"))}, "factor", "2", ("2", "4"))
    return address, int(factor)


def _word(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip().lower().strip("x") if isinstance(value, str) else value


def enlarge(path: Path, factor: int) -> Chunks[Outcome]:
    """Enlarge in bands of rows, so that progress shows and memory stays small."""
    picture = open_picture(path, "image")
    width, height = picture.width * factor, picture.height * factor
    if width * height > MAX_PIXELS:
        raise BadInputError(
            f"image is {picture.width} × {picture.height} pixels: {factor} times as large it would have more than "
            f"{MAX_PIXELS // 10**6} megapixels. Use a smaller factor or picture."
        )
    yield 0.1
    result = Image.new(picture.mode, (width, height))
    edges = [round(picture.height * band / BANDS) for band in range(BANDS + 1)]
    for band, (top, bottom) in enumerate(itertools.pairwise(edges)):
        if bottom > top:
            result.paste(_band(picture, top, bottom, factor), (0, top * factor))
        yield 0.1 + 0.65 * (band + 1) / BANDS
    content = to_png(result)
    yield 1.0
    file = Produced(f"upscaled-{factor}x.png", "image/png", content, width=width, height=height)
    return Outcome([file], {"factor": factor, "width": width, "height": height})


def _band(picture: Image.Image, top: int, bottom: int, factor: int) -> Image.Image:
    upper, lower = max(0, top - OVERLAP), min(picture.height, bottom + OVERLAP)
    source = picture.crop((0, upper, picture.width, lower))
    large = source.resize((source.width * factor, source.height * factor), Image.Resampling.LANCZOS)
    sharp = large.filter(ImageFilter.UnsharpMask(radius=0.7 * factor, percent=45, threshold=2))
    return sharp.crop((0, (top - upper) * factor, large.width, (bottom - upper) * factor))
