"""The built-in engine: pictures, short videos, enlargements and texts made on the CPU, without network or models."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from emprops.connectors.base import BadInputError, Capabilities, Health, Outcome, RunContext
from emprops.connectors.local_engine.image import paint, plan_image, seed_of
from emprops.connectors.local_engine.pictures import fetch_picture
from emprops.connectors.local_engine.sketches import sketches
from emprops.connectors.local_engine.text import plan_text, write
from emprops.connectors.local_engine.upscale import enlarge, plan_upscale
from emprops.connectors.local_engine.video import film, plan_video
from emprops.connectors.local_engine.work import run_in_thread
from emprops.queue.messages import Ticket


async def make_image(ticket: Ticket, context: RunContext) -> Outcome:
    """``local_image``. Payload: prompt, seed, width, height, style, palette; all optional."""
    plan = plan_image(ticket)
    return await run_in_thread(paint(plan, sketches(context)), context, f"Painting {plan.style.replace('_', ' ')}")


async def make_video(ticket: Ticket, context: RunContext) -> Outcome:
    """``local_video``. Payload: image (URL, required), duration, fps, motion, aspect_ratio."""
    plan = plan_video(ticket.payload)
    path = await fetch_picture(context, "image", plan.image)
    return await run_in_thread(film(path, plan, context.folder), context, "Filming")


async def make_upscale(ticket: Ticket, context: RunContext) -> Outcome:
    """``local_upscale``. Payload: image (URL, required), factor (2 or 4)."""
    address, factor = plan_upscale(ticket.payload)
    path = await fetch_picture(context, "image", address)
    return await run_in_thread(enlarge(path, factor), context, "Enlarging")


async def make_text(ticket: Ticket, context: RunContext) -> Outcome:
    """``local_text``. Payload: topic or prompt (required), tone, sentences, seed."""
    plan = plan_text(ticket.payload, seed_of(ticket.payload, ticket))
    return await run_in_thread(write(plan), context, "Writing")


RUNNERS: dict[str, Callable[[Ticket, RunContext], Awaitable[Outcome]]] = {
    "local_image": make_image,
    "local_video": make_video,
    "local_upscale": make_upscale,
    "local_text": make_text,
}


class LocalEngine:
    """Connector for the ``local_*`` job types; it has nothing to set and nothing to close."""

    name: ClassVar[str] = "local_engine"

    def __init__(self, settings: object = None) -> None:
        del settings
        self.job_types = frozenset(RUNNERS)

    async def check(self) -> Health:
        """Always ready."""
        return Health(ok=True, message="Built in, CPU only.")

    async def capabilities(self) -> Capabilities:
        """No model files and no custom nodes."""
        return Capabilities(models=(), custom_nodes=(), extra={"device": "cpu"})

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """Do the work in a thread. Raises :class:`BadInputError` naming the field that is wrong."""
        runner = RUNNERS.get(ticket.job_type)
        if runner is None:
            raise BadInputError(f"The local engine runs {', '.join(sorted(RUNNERS))}, not {ticket.job_type}.")
        return await runner(ticket, context)

    async def close(self) -> None:
        """Nothing to give back."""
