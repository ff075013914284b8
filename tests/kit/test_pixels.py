"""Pictures of every mode Pillow can open become the same 8-bit sRGB colours."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.media.builders import swapped_profile

from emprops.kit.pixels import as_rgb, flat

RAMP = np.tile(np.linspace(0, 1, 64), (4, 1))
COLOUR = (200, 100, 50)


def grey(mode: str) -> Image.Image:
    """A ramp from black to white in a grey mode, as files hold it."""
    deep = np.round(RAMP * 65_535)
    if mode == "F":
        return Image.fromarray(RAMP.astype(np.float32))
    if mode == "I;16":
        return Image.fromarray(deep.astype(np.uint16))
    if mode == "1":
        return Image.fromarray((RAMP * 255).round().astype(np.uint8)).convert("1")
    if mode in ("L", "LA"):
        return Image.fromarray((RAMP * 255).round().astype(np.uint8)).convert(mode)
    return Image.fromarray(deep.astype(np.int32)).convert(mode)


def colour(mode: str) -> Image.Image:
    """One colour in a mode of colour."""
    rgb = Image.new("RGB", (8, 8), COLOUR)
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        lab = ImageCms.profileToProfile(rgb, *profiles, outputMode="LAB")
        assert lab is not None
        return lab
    if mode in ("RGBa", "PA"):
        return rgb.convert("RGBA").convert(mode)
    return rgb.convert(mode)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F", "L"])
def test_deep_greys_are_scaled(mode: str) -> None:
    result = as_rgb(grey(mode))
    assert result.mode == "RGB"
    assert np.abs(np.asarray(result)[..., 1] - RAMP * 255).max() <= 1


def test_one_bit_is_black_and_white() -> None:
    values = np.unique(np.asarray(as_rgb(grey("1"))))
    assert values.tolist() == [0, 255]


@pytest.mark.parametrize("mode", ["RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB", "P", "PA"])
def test_colours_stay(mode: str) -> None:
    result = as_rgb(colour(mode))
    assert result.mode == ("RGBA" if mode in ("RGBA", "RGBa", "PA") else "RGB")
    assert (
        np.abs(np.array(result.convert("RGB").getpixel((0, 0))) - COLOUR).max() <= 4
    )  # the palette of the web is that coarse


@pytest.mark.parametrize(
    ("low", "high", "mode"), [(0.0, 255.0, "F"), (-3.0, 7.0, "F"), (0, 2**31 - 1, "I"), (-500, 500, "I"), (9, 9, "I")]
)
def test_values_of_no_usual_range_are_stretched(low: float, high: float, mode: str) -> None:
    values = np.array([[low, high]], dtype=np.float32 if mode == "F" else np.int32)
    seen = np.asarray(as_rgb(Image.fromarray(values)))[0, :, 0].tolist()
    assert seen == ([0, 0] if low == high else [0, 255])


def test_values_that_are_no_numbers_harm_nothing() -> None:
    values = np.array([[0.5, np.nan, np.inf]], dtype=np.float32)
    assert np.asarray(as_rgb(Image.fromarray(values)))[0, 0, 0] in (127, 128)


def saved(picture: Image.Image, **options: Any) -> Image.Image:
    """The picture as a PNG file gives it back."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    opened = Image.open(buffer)
    opened.load()
    return opened


@pytest.mark.parametrize(
    ("picture", "clear"),
    [
        (saved(Image.new("P", (2, 2)), transparency=0), True),
        (saved(Image.new("L", (2, 2), 7), transparency=7), True),
        (saved(Image.new("RGB", (2, 2), COLOUR), transparency=COLOUR), True),
        (Image.new("LA", (2, 2), (7, 0)), True),
        (Image.new("La", (2, 2), (0, 0)), True),
        (Image.new("RGBA", (2, 2), (1, 2, 3, 0)), True),
        (saved(Image.new("P", (2, 2)), transparency=1), False),
    ],
    ids=["P", "L", "RGB", "LA", "La", "RGBA", "P with another colour clear"],
)
def test_what_is_transparent_stays_so(picture: Image.Image, clear: bool) -> None:
    result = as_rgb(picture)
    assert (result.mode, result.getpixel((0, 0))[3]) == ("RGBA", 0 if clear else 255)  # type: ignore[index]
    assert "transparency" not in result.info
    assert flat(picture).mode == "RGB"
    assert flat(picture).getpixel((0, 0)) == ((255, 255, 255) if clear else flat(picture, "black").getpixel((0, 0)))


def test_a_grey_of_sixteen_bits_can_be_the_transparent_one() -> None:
    picture = grey("I;16")
    picture.info["transparency"] = 65_535
    alpha = np.asarray(as_rgb(picture))[0, :, 3]
    assert alpha[-1] == 0
    assert (alpha[:-1] == 255).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_profiles_are_applied(mode: str) -> None:
    """The profile has red and green swapped: what is stored as red is meant as green."""
    picture = Image.new("RGB", (8, 8), (255, 0, 0)).convert(mode)
    picture.info["icc_profile"] = swapped_profile()
    result = as_rgb(picture)
    assert result.getpixel((0, 0))[:3] == (0, 255, 0)  # type: ignore[index]
    assert "icc_profile" not in result.info


def test_a_profile_that_does_not_fit_is_ignored() -> None:
    for mode, profile in [("L", swapped_profile()), ("CMYK", swapped_profile()), ("RGB", b"no profile")]:
        picture = Image.new(mode, (2, 2))
        plain = as_rgb(picture)
        picture.info["icc_profile"] = profile
        assert as_rgb(picture).tobytes() == plain.tobytes()


def test_the_given_picture_stays() -> None:
    picture = Image.new("RGB", (2, 2), COLOUR)
    picture.info["icc_profile"] = swapped_profile()
    as_rgb(picture).putpixel((0, 0), (0, 0, 0))
    assert picture.getpixel((0, 0)) == COLOUR
    assert "icc_profile" in picture.info
