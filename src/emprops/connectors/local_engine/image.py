"""``local_image``: generative art from prompt, seed, style and palette."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emprops.connectors.base import BadInputError, Outcome, Produced
from emprops.connectors.local_engine import palettes, payload
from emprops.connectors.local_engine.canvas import Canvas
from emprops.connectors.local_engine.dice import Dice
from emprops.connectors.local_engine.palettes import PALETTES, Palette
from emprops.connectors.local_engine.pictures import to_png
from emprops.connectors.local_engine.styles import STYLES
from emprops.connectors.local_engine.work import Chunks
from emprops.queue.messages import Ticket

MAX_SEED = 2**64 - 1
GRAIN = 0.011

STYLE_WORDS: dict[str, str] = {
    **dict.fromkeys(("aurora", "northern", "polar", "borealis", "night", "lake"), "aurora"),
    **dict.fromkeys(("flower", "flowers", "bloom", "blossom", "dahlia", "rose", "peony", "petal", "garden"), "bloom"),
    **dict.fromkeys(("flow", "wind", "river", "current", "currents", "lines", "motion", "music"), "flow_field"),
    **dict.fromkeys(("mosaic", "glass", "stained", "voronoi", "cells", "tiles", "cathedral"), "mosaic"),
    **dict.fromkeys(
        ("mountain", "mountains", "landscape", "valley", "peak", "peaks", "alps", "hills", "forest", "sunset"),
        "mountains",
    ),
    **dict.fromkeys(("planet", "orbit", "orbits", "space", "ring", "rings", "saturn", "moon", "cosmos"), "orbits"),
    **dict.fromkeys(("paper", "papercut", "layers", "canyon", "cave", "desert"), "papercut"),
    **dict.fromkeys(("silk", "fabric", "smooth", "abstract", "liquid", "satin", "smoke"), "silk"),
    **dict.fromkeys(("watercolor", "watercolour", "paint", "painting", "wash", "spring"), "watercolor"),
}


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """Everything that decides the picture, checked."""

    prompt: str
    seed: int
    width: int
    height: int
    style: str
    palette: Palette


def seed_of(fields: Mapping[str, Any], ticket: Ticket) -> int:
    """The payload's seed, else one that belongs to this step of this job: new jobs differ, a retry does not."""
    context = ticket.workflow_context
    own = Dice("seed", context.workflow_id, context.current_step).integer(0, 2**32 - 1)
    return payload.integer(fields, "seed", own, 0, MAX_SEED)


def plan_image(ticket: Ticket) -> ImagePlan:
    """Check the payload and settle what it leaves open. Raises :class:`BadInputError`."""
    fields = ticket.payload
    prompt = payload.text(fields, "prompt", "")
    seed = seed_of(fields, ticket)
    width = payload.integer(fields, "width", 768, 256, 2048, multiple=8)
    height = payload.integer(fields, "height", 768, 256, 2048, multiple=8)
    style = payload.choice(fields, "style", "auto", ("auto", *STYLES))
    if style == "auto":
        style = _style_for(prompt, seed)
    return ImagePlan(prompt, seed, width, height, style, _palette(fields, prompt, seed))


def _style_for(prompt: str, seed: int) -> str:
    for word in re.findall(r"[a-z]+", prompt.lower()):
        if word in STYLE_WORDS:
            return STYLE_WORDS[word]
    key: object = prompt.strip() or seed
    return Dice("style", key).pick(tuple(STYLES))


def _palette(fields: Mapping[str, Any], prompt: str, seed: int) -> Palette:
    value = fields.get("palette")
    if isinstance(value, (list, tuple)):
        colours = [item for item in value if isinstance(item, str) and palettes.HEX.fullmatch(item)]
        if len(colours) != len(value) or not 2 <= len(colours) <= 8:
            raise BadInputError('palette must list 2 to 8 hex colours such as "#1e90ff", or name a palette.')
        return palettes.from_hex(colours)
    name = payload.choice(fields, "palette", "auto", ("auto", *PALETTES))
    return palettes.for_prompt(prompt, seed) if name == "auto" else palettes.named(name)


def paint(plan: ImagePlan) -> Chunks[Outcome]:
    """Render the plan; the same plan gives the same bytes."""
    dice = Dice("image", plan.style, plan.prompt, plan.seed)
    canvas = Canvas(plan.width, plan.height, plan.palette, dice)
    yield 0.01
    for share in STYLES[plan.style](canvas):
        yield 0.01 + share * 0.84
    for _ in canvas.grain(GRAIN):
        yield 0.87
    content = to_png(canvas.image())
    name = f"{plan.style}-{plan.seed}.png"
    file = Produced(name, "image/png", content, width=plan.width, height=plan.height)
    data = {"seed": plan.seed, "style": plan.style, "palette": plan.palette.name}
    yield 1.0
    return Outcome([file], data)
