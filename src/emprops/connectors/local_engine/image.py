"""``local_image``: a picture of what a prompt asks for, as far as that can be drawn; the other words are set in it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.base import BadInputError, Outcome, Produced
from emprops.connectors.local_engine import palettes, payload
from emprops.connectors.local_engine.canvas import Canvas
from emprops.connectors.local_engine.dice import Dice
from emprops.connectors.local_engine.lettering import choose_words, letter
from emprops.connectors.local_engine.palettes import PALETTES, Palette
from emprops.connectors.local_engine.pictures import to_png
from emprops.connectors.local_engine.poster import poster
from emprops.connectors.local_engine.reading import Choice, any_style, choose
from emprops.connectors.local_engine.scenery.compose import scene
from emprops.connectors.local_engine.scenery.media import in_glass, in_watercolour
from emprops.connectors.local_engine.scenery.scheme import Scheme, scheme_for
from emprops.connectors.local_engine.styles import STYLES
from emprops.connectors.local_engine.work import Chunks
from emprops.queue.messages import Ticket

MAX_SEED = 2**64 - 1
GRAIN = 0.011
LETTERING = ("auto", "off")
NAMES = ("scene", "poster", *STYLES)
"""What ``style`` may name other than ``auto``."""


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """Everything that decides the picture, checked."""

    prompt: str
    seed: int
    width: int
    height: int
    style: str
    palette: Palette
    choice: Choice
    scheme: Scheme | None = None
    text: str = ""
    """What is set in letters."""
    lettered: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> list[str]:
        """The words that are neither drawn nor set."""
        return [word for word in self.choice.unknown_words if word not in self.lettered]


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
    style = payload.choice(fields, "style", "auto", ("auto", *NAMES))
    fixed = _palette(fields)
    choice = choose(prompt, seed, style, fixed=fixed is not None)
    scheme = scheme_for(choice.reading, Dice("scheme", prompt), fixed) if choice.style == "scene" else None
    palette = scheme.sky if scheme else fixed or palettes.for_prompt(prompt, seed)
    text, words = "", list[str]()
    if payload.choice(fields, "lettering", "auto", LETTERING) == "auto":
        text, words = choose_words(choice.unknown)
    lettered = [word for word in choice.unknown_words if word in words]
    chosen = any_style(prompt, seed) if choice.style == "poster" and not text else choice.style
    return ImagePlan(prompt, seed, width, height, chosen, palette, choice, scheme, text, lettered)


def _palette(fields: Mapping[str, Any]) -> Palette | None:
    """The palette that the payload names or lists; None: the prompt decides."""
    value = fields.get("palette")
    if isinstance(value, (list, tuple)):
        colours = [item for item in value if isinstance(item, str) and palettes.HEX.fullmatch(item)]
        if len(colours) != len(value) or not 2 <= len(colours) <= 8:
            raise BadInputError('palette must list 2 to 8 hex colours such as "#1e90ff", or name a palette.')
        return palettes.from_hex(colours)
    name = payload.choice(fields, "palette", "auto", ("auto", *PALETTES))
    return None if name == "auto" else palettes.named(name)


def paint(plan: ImagePlan, show: Callable[[Canvas], None]) -> Chunks[Outcome]:
    """Render the plan; the same plan gives the same bytes. ``show`` is called with what there is after each stroke."""
    dice = Dice("image", plan.style, plan.prompt, plan.seed)
    canvas = Canvas(plan.width, plan.height, plan.palette, dice)
    yield 0.01
    for share in _strokes(canvas, plan):
        show(canvas)
        yield 0.01 + share * 0.8
    if plan.text:
        letter(canvas, plan.text, poster=plan.style == "poster")
    yield 0.84
    for _ in canvas.grain(GRAIN):
        yield 0.87
    content = to_png(canvas.image(), level=1)  # grain does not get smaller, whatever the effort
    name = f"{plan.style}-{plan.seed}.png"
    file = Produced(name, "image/png", content, width=plan.width, height=plan.height)
    yield 1.0
    palette = plan.scheme.name if plan.scheme else plan.palette.name
    data = {"seed": plan.seed, "style": plan.style, "palette": palette}
    data |= {"drawn": list(plan.choice.drawn), "lettered": plan.lettered}
    return Outcome([file], data | ({"left_out": plan.left_out} if plan.left_out else {}))


def _strokes(canvas: Canvas, plan: ImagePlan) -> Iterator[float]:
    if plan.style == "poster":
        yield from poster(canvas)
    elif plan.scheme is None:
        yield from STYLES[plan.style](canvas)
    else:
        medium = {"mosaic": in_glass, "watercolor": in_watercolour}.get(plan.choice.medium or "")
        for share in scene(canvas, plan.choice.reading, plan.scheme):
            yield share * (0.6 if medium else 1.0)
        for share in medium(canvas) if medium else ():
            yield 0.6 + share * 0.4
