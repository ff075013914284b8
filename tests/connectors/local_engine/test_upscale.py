"""Enlargements show the same picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.connectors.contract import RecordingContext, make_ticket
from tests.connectors.local_engine.helpers import CLEAR, LARGE, PHOTO, decoded, only, run
from tests.media.builders import grey16, saved, swapped_profile

from emprops.connectors.base import BadInputError
from emprops.connectors.local_engine.connector import LocalEngine


@pytest.mark.parametrize(("factor", "times"), [(None, 2), (2, 2), ("4x", 4), (4.0, 4)])
async def test_an_enlargement_is_the_same_picture_larger(
    factor: Any, times: int, tmp_path: Path, pictures: Mapping[str, Path]
) -> None:
    outcome = await run("local_upscale", {"image": PHOTO, "factor": factor}, tmp_path, pictures)
    large = decoded(only(outcome))
    assert (large.format, large.size) == ("PNG", (320 * times, 200 * times))
    with Image.open(pictures[PHOTO]) as original:
        before = np.asarray(original, float)
    after = np.asarray(large.resize((320, 200), Image.Resampling.BOX), float)
    assert np.abs(before - after).mean() < 1.5
    # No seams where the bands meet.
    rows = np.abs(np.diff(np.asarray(large.convert("L"), float), axis=0)).mean(axis=1)
    assert rows.max() < 4 + np.median(rows)


async def test_an_enlargement_keeps_transparency(tmp_path: Path, pictures: Mapping[str, Path]) -> None:
    context = RecordingContext(tmp_path, pictures)
    file = only(await LocalEngine().run(make_ticket("local_upscale", {"image": CLEAR, "factor": 4}), context))
    assert decoded(file).mode == "RGBA"
    assert context.fetched == [(CLEAR, 50 * 1024 * 1024)]
    assert context.seen[-1][0] == 100


async def test_a_result_above_the_cap_is_refused_by_its_size(tmp_path: Path, pictures: Mapping[str, Path]) -> None:
    with pytest.raises(BadInputError, match=r"4100 × 4100.*64 megapixels"):
        await run("local_upscale", {"image": LARGE, "factor": 2}, tmp_path, pictures)


def written(folder: Path, kind: str, content: bytes) -> Mapping[str, Path]:
    path = folder / f"input.{kind}"
    path.write_bytes(content)
    return {PHOTO: path}


async def test_sixteen_bit_grey_keeps_its_greys(tmp_path: Path) -> None:
    files = written(tmp_path, "png", grey16())
    large = decoded(only(await run("local_upscale", {"image": PHOTO}, tmp_path, files)))
    ramp = np.asarray(large.convert("L"), float)[64]
    assert (ramp[4] < 10, abs(ramp[256] - 128) < 4, ramp[-5] > 245) == (True, True, True)


async def test_the_result_is_srgb(tmp_path: Path) -> None:
    picture = Image.new("RGB", (32, 32), "red")
    files = written(tmp_path, "png", saved(picture, "PNG", icc_profile=swapped_profile()))
    large = decoded(only(await run("local_upscale", {"image": PHOTO}, tmp_path, files)))
    assert large.getpixel((32, 32)) == (0, 255, 0)
    assert "icc_profile" not in large.info


@pytest.mark.parametrize("kind", ["AVIF", "GIF", "WEBP"])
async def test_pictures_of_other_kinds(kind: str, tmp_path: Path) -> None:
    files = written(tmp_path, kind.lower(), saved(Image.new("RGB", (32, 32), (200, 90, 40)), kind))
    large = decoded(only(await run("local_upscale", {"image": PHOTO}, tmp_path, files)))
    assert np.abs(np.array(large.convert("RGB").getpixel((32, 32))) - (200, 90, 40)).max() < 12


async def test_no_path_of_this_machine_is_named(tmp_path: Path) -> None:
    for content in (b"nothing", saved(Image.new("RGB", (32, 32)), "AVIF")[:300]):
        with pytest.raises(BadInputError, match="image must be a sound") as caught:
            await run("local_upscale", {"image": PHOTO}, tmp_path, written(tmp_path, "avif", content))
        assert str(tmp_path) not in caught.value.message
