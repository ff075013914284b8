"""From the parameters of a request to the variables of a collection. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from emprops.collections import variables as collection_variables
from emprops.collections.variables import Definition, ValueProblem
from emprops.connectors.encoded import is_data_url
from emprops.openai_api.failures import ParameterError, UnknownParameterError
from emprops.openai_api.inputs import DURATION, MASK, Inputs
from emprops.workflows.forms import NUMERAL

OPTIONAL: Final = frozenset(
    {
        *("background", "complexity", "frame_count", "frame_duration_ms", "input_fidelity", "markup", "moderation"),
        *("output_compression", "output_format", "quality", "safety_identifier", "style", "svg", "user"),
    }
)
"""Parameters that clients send to any model; one that the model has no variable for is ignored. The format of
pictures is not (``formats.py``)."""
USUAL: Final = frozenset(
    {
        *("auto", "standard", "hd", "low", "medium", "high", "xhigh", "max", "vivid", "natural"),
        *("transparent", "opaque", "png", "jpeg", "webp"),
    }
)
"""Values that clients send of themselves; one that the model's variable does not take is ignored too."""
SIZE: Final = re.compile(r"\s*([1-9][0-9]{0,4})\s*[x×*]\s*([1-9][0-9]{0,4})\s*", re.IGNORECASE)
LENGTH: Final = re.compile(r"\s*([0-9]{1,5}(?:\.[0-9]+)?)\s*(?:s|sec|seconds?)?\s*")
RATIO: Final = re.compile(r"\s*([0-9]{1,4}(?:\.[0-9]+)?)\s*[:/x]\s*([0-9]{1,4}(?:\.[0-9]+)?)\s*")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks for."""

    prompt: str
    size: str | None = None
    images: Sequence[str] = ()
    mask: str | None = None
    seconds: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    """By name, as the collection has them."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """Further parameters: variables, or what the model may not take."""


def variables_of(inputs: Inputs, wish: Wish) -> dict[str, Any]:
    """Return the variables that a wish means. Raises :class:`ParameterError` and :class:`UnknownParameterError`."""
    found: dict[str, Any] = {}
    prompt = inputs.prompt()
    if prompt is not None:
        found[prompt.name] = _read("prompt", prompt, wish.prompt)
    elif not wish.images:  # what only changes pictures need not be told how
        raise ParameterError(
            "prompt",
            "This model has no variable that is a prompt; name its variables in `variables`: "
            f"{', '.join(inputs.free) or 'it has none'}.",
        )
    found |= pictures_among(inputs, wish)
    found |= _size(inputs, wish.size)
    found |= _seconds(inputs, wish.seconds)
    for name, value in wish.others.items():
        if value is not None:
            found |= _other(inputs, name, value)
    for name, value in wish.variables.items():
        if name not in inputs.free:
            raise _unknown(inputs, name)
        found[name] = _read(name, inputs.free[name], value)
    return found


def pictures_among(inputs: Inputs, wish: Wish) -> dict[str, str]:
    """Return the variables that a wish's pictures and mask mean. Raises :class:`ParameterError`."""
    if not wish.images and wish.mask is None:
        return {}
    takers = inputs.images()
    if len(wish.images) > len(takers):
        many = {0: "no picture", 1: "one picture"}.get(len(takers), f"{len(takers)} pictures")
        raise ParameterError("image", f"This model takes {many}; send no more, or choose another model.")
    found = {taker.name: image for taker, image in zip(takers, wish.images, strict=False)}
    if wish.mask is not None:
        mask = inputs.of(MASK)
        if mask is None:
            raise ParameterError("mask", "This model takes no mask; leave it out, or choose another model.")
        found[mask.name] = wish.mask
    return found


def _other(inputs: Inputs, name: str, value: Any) -> dict[str, Any]:
    definition = inputs.free.get(name) or inputs.of(name.lower())
    if definition is None:
        if name in OPTIONAL:
            return {}
        raise _unknown(inputs, name)
    try:
        return {definition.name: _read(name, definition, value)}
    except ParameterError:
        if name in OPTIONAL and value in USUAL:
            return {}
        raise


def _unknown(inputs: Inputs, name: str) -> UnknownParameterError:
    problem = collection_variables.unknown(tuple(inputs.free.values()), {name: None})[name]
    shown = name[: collection_variables.SHOWN_LETTERS]
    end = "" if problem.endswith("?") else "."
    return UnknownParameterError(shown, f"Unknown parameter: {shown} {problem.replace('collection', 'model')}{end}")


def _read(parameter: str, definition: Definition, value: Any) -> Any:
    """Check a value; numbers may come as texts, from forms, and files are looked at later."""
    if isinstance(value, str) and is_data_url(value):
        return value
    if isinstance(value, str) and definition.type == "number" and NUMERAL.fullmatch(value):
        value = float(value) if {".", "e", "E"} & set(value) else int(value)
    try:
        definition.read(value)
    except ValueProblem as problem:
        where = parameter if parameter == definition.name else f"{parameter}: {definition.name}"
        raise ParameterError(parameter, f"{where} {problem}.") from None
    return value


def _size(inputs: Inputs, size: str | None) -> dict[str, Any]:
    """Return what sets the size, if the model lets callers do so: width and height, a size, or the ratio of sides."""
    if size is None or size.strip().lower() in ("", "auto"):
        return {}
    match = SIZE.fullmatch(size)
    if match is None:
        raise ParameterError("size", "size must be WIDTHxHEIGHT, such as 1024x1024, or auto.")
    width, height = int(match[1]), int(match[2])
    across, down = inputs.of("width"), inputs.of("height")
    if across is not None and down is not None:
        return {across.name: _read("size", across, width), down.name: _read("size", down, height)}
    whole, ratio = inputs.of("size"), inputs.of("aspect_ratio")
    if whole is not None:
        return {whole.name: _read("size", whole, _same_size(whole, width, height))}
    if ratio is not None and ratio.type == "pick":
        return _nearest_ratio(ratio, width / height)
    return {}


def _seconds(inputs: Inputs, seconds: str | None) -> dict[str, Any]:
    """Return what sets how long a video is, if the model lets callers do so."""
    duration = inputs.of(DURATION)
    if seconds is None or duration is None:
        return {}
    if not NUMERAL.fullmatch(seconds):
        raise ParameterError("seconds", 'seconds must be a number, such as "4".')
    for option in duration.options:
        match = LENGTH.fullmatch(str(option.value)) or LENGTH.fullmatch(option.name)
        if match and float(match[1]) == float(seconds):
            return {duration.name: option.value}
    return {duration.name: _read("seconds", duration, seconds)}


def _same_size(definition: Definition, width: int, height: int) -> Any:
    """Return the option of a pick that has these sides, however it is written; else the usual form."""
    for option in definition.options:
        for text in (str(option.value), option.name):
            match = SIZE.match(text)
            if match and (int(match[1]), int(match[2])) == (width, height):
                return option.value
    return f"{width}x{height}"


def _nearest_ratio(definition: Definition, wanted: float) -> dict[str, Any]:
    found: list[tuple[float, Any]] = []
    for option in definition.options:
        match = RATIO.fullmatch(str(option.value)) or RATIO.fullmatch(option.name)
        if match and float(match[1]) > 0 and float(match[2]) > 0:
            found.append((abs(math.log(float(match[1]) / float(match[2]) / wanted)), option.value))
    return {definition.name: min(found, key=lambda one: one[0])[1]} if found else {}
