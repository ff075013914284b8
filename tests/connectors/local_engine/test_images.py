"""Pictures from prompts: their size, their range, what decides them, and that nothing else does."""

import asyncio
import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.local_engine.helpers import decoded, only, run

from emprops.connectors.local_engine.connector import LocalEngine
from emprops.connectors.local_engine.image import NAMES, plan_image
from emprops.connectors.local_engine.palettes import PALETTES
from emprops.connectors.local_engine.styles import STYLES


@pytest.mark.parametrize("style", NAMES)
async def test_a_picture_has_the_size_asked_for_and_uses_its_range(style: str, tmp_path: Path) -> None:
    context = RecordingContext(tmp_path)
    payload = {"prompt": "mountains", "seed": 5, "style": style, "width": 448, "height": 256}
    outcome = await LocalEngine().run(make_ticket("local_image", payload), context)
    file = only(outcome)
    picture = decoded(file)
    assert picture.format == "PNG"
    assert (file.width, file.height) == picture.size == (448, 256)
    drawn = ["mountains"] if style in ("scene", "mountains") else []
    lettered = [] if drawn else ["mountains"]
    expected = {"seed": 5, "style": style, "drawn": drawn, "lettered": lettered}
    assert outcome.data == expected | {"palette": outcome.data["palette"]}
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

SCENES = (
    "a lighthouse by the sea under a full moon, birds", "a village in the winter forest at dawn, balloons",
    "a campfire in the autumn mountains under the stars", "boats in the harbour in watercolour",
)

async def main():
    for style in STYLES:
        payload = {"prompt": "déjà vu", "seed": 99, "style": style, "width": 264, "height": 256}
        file = only(await run("local_image", payload, pathlib.Path(".")))
        print(style, hashlib.sha256(content_of(file)).hexdigest())
    for prompt in (*SCENES, "Grüße aus Київ"):
        payload = {"prompt": prompt, "seed": 99, "width": 264, "height": 256}
        file = only(await run("local_image", payload, pathlib.Path(".")))
        print(prompt, hashlib.sha256(content_of(file)).hexdigest())
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
    assert len(plain.splitlines()) == len(STYLES) + 6
    assert plain == other


def test_prompts_without_words_spread_over_the_styles() -> None:
    marks = ["", "!", "…", "the", "a beautiful picture", "?!", "--", "🦊"] * 3
    plans = [plan_image(make_ticket("local_image", {"prompt": mark, "seed": at})) for at, mark in enumerate(marks)]
    assert len({plan.style for plan in plans}) >= 6
    assert len({plan.palette.name for plan in plans}) >= 8
    assert {plan.palette.name for plan in plans} <= PALETTES.keys()
    assert all(plan.lettered == list(plan.choice.drawn) == [] for plan in plans)


async def test_without_a_seed_each_step_has_its_own_and_a_retry_keeps_it(tmp_path: Path) -> None:
    async def seed(job: str, step: int) -> int:
        ticket = make_ticket("local_image", {"width": 256, "height": 256, "style": "mosaic"}, job=job, step=step)
        value: int = (await LocalEngine().run(ticket, RecordingContext(tmp_path))).data["seed"]
        return value

    assert await seed("a", 1) == await seed("a", 1)
    assert len({await seed("a", 1), await seed("a", 2), await seed("b", 1)}) == 3


async def test_a_picture_shows_while_it_is_painted(tmp_path: Path) -> None:
    context = RecordingContext(tmp_path)
    payload = {"prompt": "a lighthouse", "seed": 7, "width": 1024, "height": 512}
    outcome = await LocalEngine().run(make_ticket("local_image", payload), context)
    content, mime_type, _ = context.previews[0]
    assert mime_type == "image/jpeg"
    assert isinstance(content, bytes)
    with Image.open(io.BytesIO(content)) as sketch:
        assert sketch.size == (384, 192)
    unseen = RecordingContext(tmp_path, shows_previews=False)
    assert await LocalEngine().run(make_ticket("local_image", payload), unseen) == outcome
    assert unseen.previews == []
