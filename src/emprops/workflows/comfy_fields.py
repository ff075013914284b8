"""The form field for inputs of ComfyUI's nodes that mean the same: its type, limits and choices. Pure.

Where the classes are known, a field allows what all of its inputs allow; else what is usual.
"""

from collections.abc import Sequence
from typing import Any

from emprops.workflows.comfy_roles import FILES, Role, Spot, Takes, last_part
from emprops.workflows.forms import HIGHEST

Json = dict[str, Any]

SHORT_SEED = 2**31 - 1
"""What every API takes for a seed."""
ADDRESSES = ("http://", "https://", "/files/", "/api/files/")
NAMES = {
    "fps": "FPS",
    "cfg": "CFG",
    "bpm": "BPM",
    "lora strength": "LoRA strength",
    "scale by": "Scale factor",
    "sampler name": "Sampler",
    "camera pose": "Camera",
    "keyscale": "Key",
    "timesignature": "Time signature",
}


def label_of(name: str) -> str:
    """Return what people read for a field's name."""
    words, _, number = name.rpartition("_")
    words, number = (words, f" {number}") if number.isdigit() else (name, "")
    words = words.replace("_", " ")
    return NAMES.get(words, words.capitalize()) + number


def is_settable(spot: Spot) -> bool:
    """Whether there is more than one value to choose from."""
    fact = spot.fact
    if fact is None or (len(fact.options) != 1 and (fact.minimum is None or fact.minimum != fact.maximum)):
        return True
    return spot.value not in (*fact.options, fact.minimum)


def plain_role(spot: Spot) -> Role:
    """Return what an input means of which nothing more is known than its value and class."""
    fact, value = spot.fact, spot.value
    takes: Takes = "plain"
    if isinstance(value, bool):
        takes = "switch"
    elif isinstance(value, str):
        takes = "text" if "\n" in value or (fact is not None and fact.multiline) else "choice"
    return Role(last_part(spot.name) or spot.name, (), takes)


def content_of(role: Role, spots: Sequence[Spot]) -> Json:
    """Return the type of a field, and what goes with it."""
    value = spots[0].value
    match role.takes:
        case "file":
            return _file(role, value)
        case "text":
            return {"type": "prompt_editor"} | ({"default": value} if value else {})
        case "switch":
            return {"type": "checkbox", "default": value}
        case "seed":
            # No default: a seed that is not given is drawn anew for each generation.
            return {"type": "number", "constraints": {"min": 0, "max": _highest_seed(spots), "step": 1}}
        case "plain":
            return _number(spots[0])
    return _choice_or_number(role, spots)


def _choice_or_number(role: Role, spots: Sequence[Spot]) -> Json:
    value, options = spots[0].value, _options(role, spots)
    if options:
        return {"type": "select", "default": value, "options": [value, *(one for one in options if one != value)]}
    if isinstance(value, str):
        return {"type": "input", "default": value}
    facts = [spot.fact for spot in spots if spot.fact is not None]
    low = max([role.low, *(fact.minimum for fact in facts if fact.minimum is not None)])
    high = min([role.high, *(fact.maximum for fact in facts if fact.maximum is not None)])
    usual = role.step or (1 if all(isinstance(spot.value, int) for spot in spots) else 0.1)
    # A step of a class may be as small as numbers are; it may be larger than ours, but not smaller.
    step = max([usual, *(fact.step for fact in facts if fact.step)])
    limits = {"min": min(low, value), "max": max(high, value), "step": step}
    return {"type": "slider", "default": value, "constraints": limits}


def _number(spot: Spot) -> Json:
    fact = spot.fact
    said = {} if fact is None else {"min": fact.minimum, "max": fact.maximum, "step": fact.step}
    said = {key: limit for key, limit in said.items() if limit is not None}
    is_within = said.get("min", spot.value) <= spot.value <= said.get("max", spot.value)
    return {"type": "number", "default": spot.value} | ({"constraints": said} if said and is_within else {})


def _file(role: Role, value: str) -> Json:
    kind = "image" if role is FILES["mask"] else role.field
    # A name alone is that of a file on the machine where the graph was made.
    said: Json = {"default": value} if value.startswith(ADDRESSES) else {"required": True}
    return {"type": f"{kind}_loader"} | said


def _highest_seed(spots: Sequence[Spot]) -> int:
    known = [int(spot.fact.maximum) for spot in spots if spot.fact is not None and spot.fact.maximum]
    usual = [_usual_seed(spot) for spot in spots if spot.fact is None]
    return max(int(spots[0].value), min([*known, *usual, HIGHEST]))


def _usual_seed(spot: Spot) -> int:
    own = spot.name == "noise_seed" or "Sampler" in spot.class_type or spot.value > SHORT_SEED
    return HIGHEST if own else SHORT_SEED


def _options(role: Role, spots: Sequence[Spot]) -> list[Any]:
    lists = [spot.fact.options for spot in spots if spot.fact is not None and spot.fact.options]
    if not lists:
        return list(role.options)
    return [one for one in lists[0] if all(one in others for others in lists)]
