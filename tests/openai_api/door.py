"""A model, the official client that uses it, and what happens to its jobs meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
from openai import AsyncOpenAI
from tests.factories import make_collection, make_noop_workflow
from tests.fakes.pictures import PNG
from tests.orchestrator.rig import Rig, picture

from emprops.auth import store as auth
from emprops.auth.keys import make_key
from emprops.auth.store import ensure_user
from emprops.kit.pubsub import poke
from emprops.queue.keys import JOBS_CHANGED, KEYS
from emprops.queue.messages import Claim, Finished

Answer = TypeVar("Answer")
FORM = {
    "fields": [
        {"id": "prompt", "type": "prompt_editor"},
        {"id": "width", "type": "number"},
        {"id": "height", "type": "number"},
        {"id": "seed", "type": "number"},
        {"id": "style", "type": "input"},
        {"id": "image", "type": "image_loader"},
        {"id": "mask", "type": "image_loader"},
    ]
}
TEXT = {"type": "text", "value_type": "strings", "required": False}
WHOLE = {"type": "number", "value_type": "integers", "required": False}
VARIABLES: list[dict[str, Any]] = [
    {"name": "words", "type": "text"},
    {"name": "across", **WHOLE, "min": 64, "max": 2048},
    {"name": "down", **WHOLE, "min": 64, "max": 2048},
    {"name": "seed", **WHOLE, "min": 0},
    {"name": "style", "type": "pick", "value": {"values": ["auto", "bloom", "ink"]}},
    {"name": "photo", **TEXT},
    {"name": "hole", **TEXT},
]
"""Of names that say nothing to a client: what they are for, the fields say that they fill."""
FILLS = {"prompt": "words", "width": "across", "height": "down", "seed": "seed", "style": "style", "image": "photo"}


@dataclass
class Door:
    """A client of an installation with one model."""

    rig: Rig
    http: httpx2.AsyncClient
    client: AsyncOpenAI
    key: str
    model: str = ""
    claims: list[Claim] = field(default_factory=list)

    @staticmethod
    async def key_of(rig: Rig) -> str:
        """A key that speaks for the rig's user."""
        key = make_key()
        async with rig.database.transaction() as tx:
            await ensure_user(tx, rig.user_id)
            await auth.add_key(
                tx, prefix=key.prefix, digest=key.digest, name="sdk", scopes=["service"], owner=rig.user_id, life=None
            )
        return key.text

    async def make_model(
        self, *, variables: list[dict[str, Any]] | None = None, fills: dict[str, str] | None = None, price: float = 0
    ) -> str:
        """A public collection; its id."""
        fills = FILLS | {"mask": "hole"} if fills is None else fills
        async with self.rig.database.transaction() as tx:
            name = await make_noop_workflow(tx, FORM, price=price)
            payload = {key: f"{{{{{variable}}}}}" for key, variable in fills.items()}
            data = {
                "version": "v2",
                "steps": [{"id": 1, "nodeName": name, "nodePayload": payload}],
                "variables": VARIABLES if variables is None else variables,
                "generations": {"generations": 1},
            }
            self.model = str((await make_collection(tx, data=data, is_public=True)).id)
        return self.model

    async def begun(self) -> Claim:
        """Wait for a job's next step, and claim it."""
        async with asyncio.timeout(15):
            while not self.rig.dispatcher._waiting:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.005)
        await self.rig.dispatcher.flush()
        return await self.claim()

    async def claim(self) -> Claim:
        claim = await self.rig.worker.claim_one()
        self.claims.append(claim)
        await self.rig.settle()
        return claim

    async def finish(self, claim: Claim, finished: Finished | None = None, name: str = "a") -> None:
        """End a step with a picture that is stored."""
        await self.rig.app.state.resources.storage.put_bytes(f"generations/{name}.png", PNG, "image/png")
        assert await self.rig.worker.finish(claim, finished or picture(name))
        await self.rig.settle()

    async def show(self, claim: Claim, content: bytes, seq: int, mime_type: str = "image/png") -> None:
        """Show what the step has so far, as a worker's heartbeat does."""
        job_id, prefix = claim.ticket.workflow_context.workflow_id, self.rig.settings.queue_prefix
        values: dict[str, Any] = {"seq": seq, "step": claim.ticket.id, "type": mime_type, "node": "1"}
        await self.rig.redis.hset(f"{prefix}{KEYS.preview}{job_id}", mapping=values | {"content": content})
        await poke(self.rig.redis, prefix + JOBS_CHANGED, [job_id])

    async def client_stream(self, call: Awaitable[Any]) -> list[Any]:
        """Await a stream while its job is run, and read all of it."""

        async def read() -> list[Any]:
            return [event async for event in await call]

        return await self.made(read())

    async def made(
        self, call: Awaitable[Answer], meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> Answer:
        """Await a call while its job is run, by default to a picture."""

        async def run() -> None:
            await self.finish(await self.begun())

        answer, _ = await asyncio.gather(call, (meanwhile or run)())
        return answer
