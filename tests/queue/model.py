"""A model of the queue: plain dictionaries of steps."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.queue.helpers import Worker

from emprops.queue.messages import Ticket


@dataclass
class Step:
    """What the model knows of a step's present run."""

    ticket: Ticket
    attempt: int = 0
    state: str = "waiting"
    """waiting, claimed, delayed, due (delayed, and its time has come), lapsed (claimed, its lease ended), ended"""
    failures: int = 0
    lost: int = 0
    token: str = ""
    settled: str = ""
    """Token of the last report that was accepted."""
    attestation: str | None = None

    @property
    def order(self) -> tuple[int, int]:
        context = self.ticket.workflow_context
        return (-context.workflow_priority, context.workflow_datetime)

    @property
    def held(self) -> bool:
        return self.state in {"claimed", "lapsed"}

    def end(self, attestation: str) -> None:
        assert self.attestation is None, "a second attestation"
        self.state, self.attestation, self.token = "ended", attestation, ""


@dataclass
class World:
    """The queue and what is needed to talk to it."""

    loop: asyncio.AbstractEventLoop
    client: Any
    blocking: Any
    workers: dict[str, Worker] = field(default_factory=dict)

    def do(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(call)
