"""Pictures from prompts: their size, their range, what decides them, and that nothing else does."""

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.local_engine.helpers import decoded, only, run

from emprops.connectors.local_engine.connector import LocalEngine
from emprops.connectors.local_engine.palettes import PALETTES
from emprops.connectors.local_engine.styles import STYLES


@pytest.mark.parametrize("style", list(STYLES))
async def test_a_picture_has_the_size_asked_for_and_uses_its_range(style: str, tmp_path: Path) -> None:
    context = RecordingContext(tmp_path)
    payload = {"prompt": "p", "seed": 5, "style": style, "width": 448, "height": 256}
    outcome = await LocalEngine().run(make_ticket("local_image", payload), context)
    file = only(outcome)
    picture = decoded(file)
    assert picture.format == "PNG"
    assert (file.width, file.height) == picture.size == (448, 256)
    assert outcome.data == {"seed": 5, "style": style, "palette": outcome.data["palette"]}
    pixels = np.asarray(picture, dtype=np.float32)
    assert pixels.std() > 15
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 5_000
    assert len(context.seen) >= 10
    assert context.seen[-1][0] == 100


async def test_a_composition_does_not_depend_on_the_size(tmp_path: Path) -> None:
    small, large = [
        decoded(only(await run("local_image", {"seed": 3, "style": "papercut", "width": s, "height": s}, tmp_path)))
        for s in (256, 512)
    ]
    difference = np.asarray(small.convert("L"), float) - np.asarray(large.resize((256, 256)).convert("L"), float)
    assert np.abs(difference).mean() < 8


async def test_every_input_that_decides_changes_the_picture(tmp_path: Path) -> None:
    base = {"prompt": "a", "seed": 1, "style": "silk", "palette": "ocean", "width": 256, "height": 256}
    variants = [
        {},
        {"prompt": "b"},
        {"seed": 2},
        {"palette": "ember"},
        {"palette": ["#102030", "#ff8800", "#fed"]},
        *({"style": style} for style in STYLES if style != "silk"),
    ]
    digests = [
        hashlib.sha256(content_of(only(await run("local_image", base | v, tmp_path)))).digest() for v in variants
    ]
    assert len(set(digests)) == len(variants)


async def test_styles_look_really_different(tmp_path: Path) -> None:
    looks = {}
    for style in STYLES:
        payload = {"prompt": "a", "seed": 1, "style": style, "palette": "ocean", "width": 256, "height": 256}
        looks[style] = np.asarray(decoded(only(await run("local_image", payload, tmp_path))).convert("L"), float)
    names = list(looks)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            assert np.abs(looks[one] - looks[other]).mean() > 12, (one, other)


HASHES = """
import asyncio, hashlib, pathlib, sys
from tests.connectors.contract import content_of
from tests.connectors.local_engine.helpers import only, run
from emprops.connectors.local_engine.styles import STYLES

async def main():
    for style in STYLES:
        payload = {"prompt": "déjà vu", "seed": 99, "style": style, "width": 264, "height": 256}
        file = only(await run("local_image", payload, pathlib.Path(".")))
        print(style, hashlib.sha256(content_of(file)).hexdigest())
    print((await run("local_text", {"topic": "tea", "seed": 99}, pathlib.Path("."))).data["text"])

asyncio.run(main())
"""


async def test_another_process_on_another_processor_gives_the_same_bytes() -> None:
    """Hash seeds differ, and one process works without the wide vector instructions of this machine."""

    async def hashes(**environment: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", HASHES, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3],
            env={**os.environ, **environment, "PYTHONPATH": "."},
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode()

    plain, other = await asyncio.gather(
        hashes(PYTHONHASHSEED="1"),
        hashes(PYTHONHASHSEED="2", NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR"),
    )
    assert len(plain.splitlines()) == len(STYLES) + 1
    assert plain == other


@pytest.mark.parametrize(
    ("prompt", "style", "palette"),
    [
        ("Sunset over the mountains", "mountains", "sunset"),
        ("ocean in watercolour", "watercolor", "ocean"),
        ("a forest of glass", "mountains", "forest"),
        ("aurora", "aurora", "northern"),
    ],
)
async def test_words_of_the_prompt_steer(prompt: str, style: str, palette: str, tmp_path: Path) -> None:
    outcome = await run("local_image", {"prompt": prompt, "width": 256, "height": 256}, tmp_path)
    assert (outcome.data["style"], outcome.data["palette"]) == (style, palette)


async def test_other_prompts_spread_over_styles_and_palettes(tmp_path: Path) -> None:
    seen = [
        (await run("local_image", {"prompt": f"nothing {n}", "seed": 1, "width": 256, "height": 256}, tmp_path)).data
        for n in range(24)
    ]
    assert len({data["style"] for data in seen}) >= 6
    assert len({data["palette"] for data in seen}) >= 8
    assert {data["palette"] for data in seen} <= PALETTES.keys()


async def test_without_a_seed_each_step_has_its_own_and_a_retry_keeps_it(tmp_path: Path) -> None:
    async def seed(job: str, step: int) -> int:
        ticket = make_ticket("local_image", {"width": 256, "height": 256, "style": "mosaic"}, job=job, step=step)
        value: int = (await LocalEngine().run(ticket, RecordingContext(tmp_path))).data["seed"]
        return value

    assert await seed("a", 1) == await seed("a", 1)
    assert len({await seed("a", 1), await seed("a", 2), await seed("b", 1)}) == 3
