"""The local engine: the connector contract, and what is special to each of its job types."""

import asyncio
import hashlib
import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tests.connectors.contract import Bad, ConnectorContract, RecordingContext, Sample, content_of, make_ticket

from emprops.connectors.base import BadInputError, Outcome, Produced
from emprops.connectors.local_engine.connector import LocalEngine
from emprops.connectors.local_engine.palettes import PALETTES
from emprops.connectors.local_engine.styles import STYLES
from emprops.connectors.local_engine.video import MOTIONS, shoot

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


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self) -> LocalEngine:
        return LocalEngine()

    @pytest.fixture
    def inputs(self, pictures: Mapping[str, Path]) -> Mapping[str, Path]:
        return pictures

    @pytest.fixture
    def slow(self) -> Sample:
        return Sample("local_image", {"prompt": "x", "seed": 1, "style": "bloom", "width": 512, "height": 512})

    @pytest.fixture
    def samples(self) -> list[Sample]:
        return [
            Sample("local_image", {"width": 256, "height": 256, "unknown": ["ignored"]}),
            Sample(
                "local_image", {"prompt": "tea", "width": "256", "height": 256.0, "style": "Flow Field", "seed": "7"}
            ),
            Sample("local_video", {"image": PHOTO, "duration": "1s", "fps": 12}),
            Sample("local_video", {"image": {"url": CLEAR}, "duration": 1, "fps": 12, "motion": "zoom-out"}),
            Sample("local_upscale", {"image": PHOTO}),
            Sample("local_text", {"topic": "tea"}),
        ]

    @pytest.fixture
    def bad(self) -> list[Bad]:
        def table(job_type: str, base: dict[str, Any], *rows: tuple[str, Any]) -> list[Bad]:
            return [Bad(job_type, {**base, name: value}, name) for name, value in rows]

        image = table(
            "local_image", {},
            ("prompt", ["no"]), ("prompt", "x" * 10_001), ("seed", -1), ("seed", 2**64), ("seed", "abc"),
            ("seed", True),
            ("width", 255), ("width", 2056), ("width", 260), ("width", 512.5), ("height", "tall"), ("height", {}),
            ("style", "cubism"), ("style", 3), ("palette", "mud"), ("palette", ["#fff"]), ("palette", ["#fff", "red"]),
            ("palette", ["#fff", 3]), ("palette", ["#fff"] * 9), ("palette", {}),
        )  # fmt: skip
        video = table(
            "local_video", {"image": PHOTO},
            ("image", None), ("image", ""), ("image", 7), ("image", "http://files/none.png"), ("image", BROKEN),
            ("image", FAKE), ("image", BOMB), ("duration", 0.5), ("duration", "11s"), ("duration", "5m"),
            ("duration", float("nan")), ("duration", 10**400), ("duration", True), ("fps", 11), ("fps", 31),
            ("motion", "spin"), ("aspect_ratio", "5:4"),
        )  # fmt: skip
        upscale = table(
            "local_upscale", {"image": PHOTO},
            ("image", None), ("image", BOMB), ("image", BIGGER), ("image", BIGGEST),
            ("image", FAKE), ("image", BROKEN), ("image", LARGE),
            ("factor", 3), ("factor", 1), ("factor", "huge"), ("factor", 2.5), ("factor", []),
        )  # fmt: skip
        text = table(
            "local_text", {"topic": "tea"},
            ("topic", " "), ("topic", {}), ("tone", "rude"), ("sentences", 0), ("sentences", 13), ("seed", "x"),
        )  # fmt: skip
        return [*image, *video, *upscale, *text, Bad("local_text", {}, "topic"), Bad("other", {}, "other")]


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


# --- pictures


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
from tests.connectors.test_local_engine import STYLES, content_of, only, run

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
            sys.executable, "-W", "ignore", "-c", HASHES, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
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


# --- videos


@pytest.mark.parametrize(
    ("payload", "size", "seconds", "frames"),
    [
        ({"image": PHOTO, "duration": "1s", "fps": 12}, (320, 200), 1.0, 12),
        (
            {"image": PHOTO, "duration": "1.5s", "fps": 16, "aspect_ratio": "1:1", "motion": "orbit"},
            (200, 200),
            1.5,
            24,
        ),
        ({"image": PHOTO, "duration": 1, "fps": 20, "aspect_ratio": "9:16", "motion": "pan_left"}, (128, 228), 1.0, 20),
        ({"image": TALL, "duration": 1, "fps": 12, "aspect_ratio": "16:9", "motion": "zoom_in"}, (228, 128), 1.0, 12),
        ({"image": LARGE, "duration": 1, "fps": 12, "motion": "pan_right"}, (1280, 1280), 1.0, 12),
    ],
)
async def test_a_video_decodes_with_the_size_and_length_promised(
    payload: dict[str, Any],
    size: tuple[int, int],
    seconds: float,
    frames: int,
    tmp_path: Path,
    pictures: Mapping[str, Path],
) -> None:
    context = RecordingContext(tmp_path, pictures)
    file = only(await LocalEngine().run(make_ticket("local_video", payload), context))
    assert (file.width, file.height, file.duration) == (*size, seconds)
    content = content_of(file)
    assert content.index(b"moov") < content.index(b"mdat"), "the index comes first, so that playing starts at once"
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == payload["fps"]
        assert container.duration == pytest.approx(seconds * 1_000_000, abs=50_000)
        decoded_frames = list(container.decode(stream))
    assert len(decoded_frames) == frames
    assert {(frame.width, frame.height) for frame in decoded_frames} == {size}
    assert len(context.seen) >= frames
    assert context.seen[-1][0] == 100


async def test_the_camera_moves_smoothly(tmp_path: Path, pictures: Mapping[str, Path]) -> None:
    """A pan over a brightness ramp gets evenly brighter, also when a step is a fraction of a pixel."""
    with Image.open(pictures[PHOTO]) as photo:
        views = [MOTIONS["pan_right"](t / 200) for t in range(40)]
        even = np.diff([float(np.asarray(shoot(photo, view, 320, 200))[..., 0].mean()) for view in views])
    assert even.min() > 0.5 * even.mean() > 0
    assert even.max() < 1.5 * even.mean()
    payload = {"image": PHOTO, "duration": 2, "fps": 30, "motion": "pan_right"}
    file = only(await run("local_video", payload, tmp_path, pictures))
    with av.open(io.BytesIO(content_of(file))) as container:
        red = [float(frame.to_ndarray(format="rgb24")[..., 0].mean()) for frame in container.decode(video=0)]
    steps = np.diff(red)
    assert red[-1] - red[0] > 20
    assert steps.min() > -0.3


# --- enlargements


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


# --- texts


async def test_a_text_speaks_about_its_topic(tmp_path: Path) -> None:
    payload = {"prompt": "Please write a caption about  the old lighthouse.", "tone": "warm", "sentences": 3, "seed": 1}
    outcome = await run("local_text", payload, tmp_path)
    content = outcome.data["text"]
    assert "the old lighthouse" in content
    assert "caption" not in content
    assert "{" not in content
    assert only(outcome).mime_type == "text/plain"
    assert content_of(only(outcome)).decode() == content


async def test_texts_differ_by_seed_and_not_by_run(tmp_path: Path) -> None:
    texts = [(await run("local_text", {"topic": "tea", "seed": n % 8}, tmp_path)).data["text"] for n in range(16)]
    assert texts[:8] == texts[8:]
    assert len(set(texts)) == 8


@pytest.mark.parametrize("sentences", [1, 2, 5, 12])
@pytest.mark.parametrize("tone", ["warm", "playful", "poetic", "plain"])
async def test_a_text_has_the_sentences_asked_for(tone: str, sentences: int, tmp_path: Path) -> None:
    for seed in range(5):
        payload = {"topic": "tea", "tone": tone, "sentences": sentences, "seed": seed}
        content = (await run("local_text", payload, tmp_path)).data["text"]
        ends = sum(content.count(mark) for mark in (". ", "? ", "! ")) + 1
        assert ends >= sentences
        assert content[0].isupper()
        assert content[-1] in ".?!"


async def test_characters_that_cannot_be_stored_are_left_out(tmp_path: Path) -> None:
    content = (await run("local_text", {"topic": "te\x00a \ud800"}, tmp_path)).data["text"]
    assert "tea" in content
    assert "\x00" not in content
    content.encode()
