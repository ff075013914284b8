"""``local_video``: a slow camera move over a picture, as MP4."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from emprops.connectors.base import Outcome, Produced
from emprops.connectors.local_engine import payload
from emprops.connectors.local_engine.dice import Dice
from emprops.connectors.local_engine.pictures import open_picture
from emprops.connectors.local_engine.work import Chunks
from emprops.kit.pixels import flat

LONGEST_SIDE = 1280
SHORTEST_SIDE = 128
RATIOS: dict[str, float] = {"16:9": 16 / 9, "9:16": 9 / 16, "1:1": 1.0, "4:3": 4 / 3}


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera looks: centre (0–1 of what it may reach) and zoom (1 shows the entire crop)."""

    x: float
    y: float
    zoom: float
    roam: float = 1.0
    """The farthest way between 0 and 1 in frame widths: what keeps a move slow on a picture of another shape."""


# Each move takes eased time 0–1 (orbit: a whole turn) and gives the view.
MOTIONS: dict[str, Callable[[float], View]] = {
    "zoom_in": lambda t: View(0.5, 0.47, 1.02 + 0.26 * t),
    "zoom_out": lambda t: View(0.5, 0.47, 1.28 - 0.26 * t),
    "pan_left": lambda t: View(1 - t, 0.5, 1.2, 0.6),
    "pan_right": lambda t: View(t, 0.5, 1.2, 0.6),
    "orbit": lambda t: View(
        0.5 + 0.42 * math.sin(2 * math.pi * t),
        0.5 + 0.42 * math.cos(2 * math.pi * t),
        1.16 + 0.05 * math.sin(2 * math.pi * t),
        0.2,
    ),
}


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """The payload of a video, checked."""

    image: str
    duration: float
    fps: int
    motion: str
    ratio: float | None


def plan_video(fields: Mapping[str, Any]) -> VideoPlan:
    """Check the payload. Raises :class:`BadInputError`."""
    image = payload.url(fields, "image", purpose="the picture to animate")
    duration = payload.seconds(fields, "duration", 4.0, 1.0, 10.0)
    fps = payload.integer(fields, "fps", 24, 12, 30)
    motion = payload.choice(fields, "motion", "auto", ("auto", *MOTIONS))
    if motion == "auto":
        key = (fields.get("prompt") or image, fields.get("seed"))
        motion = Dice("motion", *key).pick(tuple(MOTIONS))
    ratio = payload.choice(fields, "aspect_ratio", "", tuple(RATIOS))
    return VideoPlan(image, duration, fps, motion, RATIOS.get(ratio))


def frame_size(width: int, height: int, ratio: float | None) -> tuple[int, int]:
    """Width and height of the video: even, as large as the picture's crop, between 128 and 1280."""
    ratio = min(max(ratio or width / height, 0.25), 4.0)
    wide = min(float(width), height * ratio)
    high = wide / ratio
    scale = max(min(1.0, LONGEST_SIDE / max(wide, high)), SHORTEST_SIDE / min(wide, high))
    return 2 * round(wide * scale / 2), 2 * round(high * scale / 2)


def film(path: Path, plan: VideoPlan, folder: Path) -> Chunks[Outcome]:
    """Render frame by frame into ``folder``."""
    picture = flat(open_picture(path, "image"))
    width, height = frame_size(picture.width, picture.height, plan.ratio)
    # Everything finer than 1.5 times the frame is lost anyway, and costs time in each frame.
    spare = min(picture.width / width, picture.height / height) / 1.5
    if spare > 1:
        picture = picture.resize((round(picture.width / spare), round(picture.height / spare)), reducing_gap=2.0)
    frames = max(2, round(plan.duration * plan.fps))
    target = folder / "video.mp4"
    yield 0.02
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=plan.fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # One thread: the same bytes every time, and the worker's other cores stay free.
        stream.codec_context.thread_count = 1
        stream.options = {"crf": "18", "preset": "veryfast"}
        stream.time_base = Fraction(1, plan.fps)
        for index in range(frames):
            view = MOTIONS[plan.motion](_eased(index / (frames - 1), plan.motion))
            frame = av.VideoFrame.from_ndarray(np.asarray(shoot(picture, view, width, height)), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, plan.fps)
            container.mux(stream.encode(frame))
            yield 0.02 + 0.95 * (index + 1) / frames
        container.mux(stream.encode(None))
    yield 1.0
    seconds = frames / plan.fps
    file = Produced(f"{plan.motion}.mp4", "video/mp4", target, width=width, height=height, duration=seconds)
    return Outcome([file], {"motion": plan.motion, "duration": seconds, "fps": plan.fps})


def _eased(t: float, motion: str) -> float:
    """Slow start and end; a closed turn moves evenly, so that it loops."""
    return t if motion == "orbit" else 0.35 * t + 0.65 * t * t * (3 - 2 * t)


def shoot(picture: Image.Image, view: View, width: int, height: int) -> Image.Image:
    """What the camera sees: a crop at fractional coordinates, so that slow moves do not jump by pixels."""
    scale = min(picture.width / width, picture.height / height) / view.zoom
    wide, high = width * scale, height * scale
    spare_x, spare_y, most = picture.width - wide, picture.height - high, view.roam * wide
    left = spare_x / 2 + (view.x - 0.5) * min(spare_x, most)
    top = spare_y / 2 + (view.y - 0.5) * min(spare_y, most)
    box = (max(0.0, left), max(0.0, top), min(picture.width, left + wide), min(picture.height, top + high))
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=box)
