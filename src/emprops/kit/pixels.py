"""Pictures of every mode and colour profile as 8-bit sRGB, which is what screens, videos and models expect.

Pillow's own conversions clip 16-bit grey to white, ignore colour profiles and drop transparency.
"""

import io
import math

from PIL import Image, ImageCms

_SIXTEEN_BITS = 65_535
_SPACES = {"RGB": "RGB ", "RGBA": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""The colour space that a profile must be of to be applied to a mode."""


def as_rgb(picture: Image.Image) -> Image.Image:
    """Return the picture as ``RGB``, or as ``RGBA`` if parts of it are transparent: 8 bits, sRGB, without metadata.

    Deep greys and floats are scaled to 8 bits, not clipped. An embedded ICC profile is applied; one that is damaged or
    of another colour space is ignored. The picture given stays as it is.
    """
    eight, alpha = _eight_bits(picture)
    profile = picture.info.get("icc_profile")
    target = "RGBA" if eight.mode == "RGBA" else "RGB"
    result = _to_srgb(eight, profile, target) if isinstance(profile, bytes) and profile else None
    if result is None:
        result = eight.convert(target)
    if alpha is not None:
        result.putalpha(alpha)
    result.info = {}
    return result


def flat(picture: Image.Image, ground: str = "white") -> Image.Image:
    """Return the picture as :func:`as_rgb` does, with ``ground`` behind what is transparent: always ``RGB``."""
    result = as_rgb(picture)
    if result.mode == "RGB":
        return result
    below = Image.new("RGB", result.size, ground)
    below.paste(result, mask=result.getchannel("A"))
    return below


def _eight_bits(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the picture in a mode that a profile can be applied to, and its transparency if that mode has none."""
    mode = picture.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return _scaled(picture), _keyed(picture)
    if mode in ("LA", "La"):
        grey = picture.convert("LA")
        return grey.getchannel("L"), grey.getchannel("A")
    if mode == "1" or (mode == "L" and "transparency" not in picture.info):
        return picture.convert("L"), None
    if picture.has_transparency_data:
        return picture.convert("RGBA"), None
    return picture if mode in ("RGB", "CMYK") else picture.convert("RGB"), None


def _scaled(picture: Image.Image) -> Image.Image:
    """Return a picture of deep greys in 8 bits. 16 bits are the usual range of integers and 0–1 that of floats; what
    leaves it is stretched from its darkest to its lightest value."""
    if picture.mode.startswith("I;16"):
        deep = picture if picture.mode == "I;16" else picture.convert("I")
        return deep.point(lambda value: value * (255 / _SIXTEEN_BITS) + 0.5).convert("L")
    usual = _SIXTEEN_BITS if picture.mode == "I" else 1.0
    low, high = picture.getextrema()
    assert isinstance(low, (int, float)) and isinstance(high, (int, float))  # noqa: S101, PT018 - one band
    if (low >= 0 and high <= usual) or not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0, usual
    scale = 255 / (high - low) if high > low else 0.0
    return picture.point(lambda value: value * scale + (0.5 - low * scale)).convert("L")


def _keyed(picture: Image.Image) -> Image.Image | None:
    """Return the transparency of a PNG that names one grey as transparent."""
    key = picture.info.get("transparency")
    if not isinstance(key, int):
        return None
    table = [255] * (_SIXTEEN_BITS + 1)
    table[key & _SIXTEEN_BITS] = 0
    return picture.convert("I").point(table, "L")


def _to_srgb(picture: Image.Image, profile: bytes, target: str) -> Image.Image | None:
    """Return the picture with its profile applied; None if that cannot be done."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _SPACES[picture.mode]:
            return None
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=target)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
