"""Reading a ``stability_api`` payload: which request of the REST API it stands for, and with which fields.

Names and limits are those of Stability's API reference, v2beta: Stable Image (generate, upscale) and image-to-video.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from emprops.connectors.base import BadInputError
from emprops.connectors.local_engine import payload as fields
from emprops.kit.numbers import plain

Payload = Mapping[str, Any]

OPERATIONS = ("text_to_image", "image_to_image", "upscale", "image_to_video")
RATIOS = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
FORMATS = ("png", "jpeg", "webp")
LONGEST_PROMPT = 10_000
MAX_SEED = 4_294_967_294


@dataclass(frozen=True, slots=True)
class Work:
    """One request. ``image`` is the URL of the picture to send with it."""

    path: str
    fields: Mapping[str, str]
    image: str = ""
    result_path: str = ""
    """Where to ask for the result of work that is only started; its id is appended. Empty: the answer is the result."""
    wanted: Literal["image", "video"] = "image"


def read(payload: Payload) -> Work:
    """Read a payload. Raises :class:`BadInputError` naming the field that is wrong."""
    operation = fields.choice(payload, "operation", "text_to_image", OPERATIONS)
    return READERS[operation](payload)


def _text_to_image(payload: Payload) -> Work:
    engine, model = _engine(payload, "core", ("core", "ultra"))
    taken = ["prompt", "negative_prompt", "seed", "aspect_ratio", "output_format", "style_preset"]
    if engine == "sd3":
        taken.append("cfg_scale")
    return Work(f"/v2beta/stable-image/generate/{engine}", model | _taken(payload, taken, engine=engine))


def _image_to_image(payload: Payload) -> Work:
    engine, model = _engine(payload, "sd3", ("ultra",))
    taken = ["prompt", "negative_prompt", "seed", "output_format", "style_preset", "strength"]
    if engine == "sd3":
        taken.append("cfg_scale")
        model["mode"] = "image-to-image"
    else:
        taken.append("aspect_ratio")
    sent = _taken(payload, [*taken, "image"], engine=engine)
    return Work(f"/v2beta/stable-image/generate/{engine}", model | sent, _image(payload))


def _upscale(payload: Payload) -> Work:
    engine = fields.choice(payload, _name(payload), "fast", ("fast", "conservative", "creative"))
    taken = {
        "fast": ["output_format"],
        "conservative": ["prompt", "negative_prompt", "seed", "output_format", "creativity"],
        "creative": ["prompt", "negative_prompt", "seed", "output_format", "creativity", "style_preset"],
    }[engine]
    sent = _taken(payload, [*taken, "image"], engine=engine)
    # Only the creative one takes so long that its result must be asked for.
    result_path = "/v2beta/results" if engine == "creative" else ""
    return Work(f"/v2beta/stable-image/upscale/{engine}", sent, _image(payload), result_path)


def _image_to_video(payload: Payload) -> Work:
    sent = _taken(payload, ["image", "seed", "cfg_scale", "motion_bucket_id"], engine="video")
    return Work("/v2beta/image-to-video", sent, _image(payload), "/v2beta/image-to-video/result", "video")


READERS: Mapping[str, Callable[[Payload], Work]] = {
    "text_to_image": _text_to_image,
    "image_to_image": _image_to_image,
    "upscale": _upscale,
    "image_to_video": _image_to_video,
}


def _name(payload: Payload) -> str:
    return "engine" if payload.get("engine") and not payload.get("model") else "model"


def _engine(payload: Payload, default: str, others: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Determine the engine by the field ``model`` (or ``engine``); models of SD3 are named in a field of their own."""
    name = _name(payload)
    word = fields.text(payload, name, default, longest=100).strip().lower() or default
    if word in others:
        return word, {}
    if word == "sd3":
        return "sd3", {}
    if word.startswith("sd3"):
        return "sd3", {"model": word}
    raise BadInputError(f"{name} must be one of {', '.join(others)}, sd3 or a model of it such as sd3.5-large.")


def _image(payload: Payload) -> str:
    return fields.url(payload, "image", purpose="the picture to start from")


def _taken(payload: Payload, names: list[str], *, engine: str) -> dict[str, str]:
    """Read the fields that a request takes; one that it does not take is an error, so that nobody relies on it."""
    odd = sorted(set(payload) - set(names) - {"operation", "model", "engine"})
    if odd:
        operation = payload.get("operation") or "text_to_image"
        raise BadInputError(f"{', '.join(odd[:5])} cannot be set for {operation} with {engine}.")
    read = {name: READ[name](payload) for name in names if name in READ}
    return {name: value for name, value in read.items() if value}


def _required_text(name: str) -> Callable[[Payload], str]:
    return lambda payload: fields.text(payload, name, longest=LONGEST_PROMPT)


def _text(name: str, longest: int) -> Callable[[Payload], str]:
    return lambda payload: fields.text(payload, name, "", longest=longest)


def _whole(name: str, low: int, high: int) -> Callable[[Payload], str]:
    def read(payload: Payload) -> str:
        return "" if payload.get(name) in (None, "") else str(fields.integer(payload, name, low, low, high))

    return read


def _number(name: str, low: float, high: float, *, required: bool = False) -> Callable[[Payload], str]:
    def read(payload: Payload) -> str:
        value = payload.get(name)
        if value in (None, "") and not required:
            return ""
        try:
            number = math.nan if value is None or isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not low <= number <= high:
            raise BadInputError(f"{name} must be a number from {plain(low)} to {plain(high)}.")
        return plain(number)

    return read


def _ratio(payload: Payload) -> str:
    word = fields.text(payload, "aspect_ratio", "", longest=10).replace(" ", "")
    if word and word not in RATIOS:
        raise BadInputError(f"aspect_ratio must be one of {', '.join(RATIOS)}.")
    return word


READ: Mapping[str, Callable[[Payload], str]] = {
    "prompt": _required_text("prompt"),
    "negative_prompt": _text("negative_prompt", LONGEST_PROMPT),
    "style_preset": _text("style_preset", 50),
    "seed": _whole("seed", 0, MAX_SEED),
    "motion_bucket_id": _whole("motion_bucket_id", 1, 255),
    "strength": _number("strength", 0, 1, required=True),
    "creativity": _number("creativity", 0.1, 0.5),
    "cfg_scale": _number("cfg_scale", 0, 10),
    "aspect_ratio": _ratio,
    "output_format": lambda payload: fields.choice(payload, "output_format", "", FORMATS),
}
