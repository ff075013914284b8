"""Videos decode, and move smoothly."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.local_engine.helpers import LARGE, PHOTO, TALL, only, run
from tests.media.builders import grey16, saved

from emprops.connectors.local_engine.connector import LocalEngine
from emprops.connectors.local_engine.video import MOTIONS, shoot


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


async def test_deep_greys_and_transparency_are_seen_in_a_film(tmp_path: Path) -> None:
    ramp = Image.open(io.BytesIO(grey16()))
    clear = Image.new("RGBA", (256, 64), (0, 0, 0, 0))
    for picture, middle in [(ramp, 128), (clear, 255)]:
        path = tmp_path / "input.png"
        path.write_bytes(saved(picture, "PNG"))
        payload = {"image": PHOTO, "duration": 1, "fps": 12, "motion": "orbit"}
        file = only(await run("local_video", payload, tmp_path, {PHOTO: path}))
        with av.open(io.BytesIO(content_of(file))) as container:
            frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert abs(float(frame.mean()) - middle) < 12
