"""A model of the queue: plain dictionaries of steps."""

import asyncio
from collections.abc import Coroutine, Iterable
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
    again: bool = False
    """It was taken before, so it waits for no turn."""

    @property
    def order(self) -> tuple[int, int]:
        context = self.ticket.workflow_context
        return (-context.workflow_priority, context.workflow_datetime)

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Where it comes if one user has all tickets."""
        return (-self.priority, not self.again, self.order[1])

    @property
    def user(self) -> str:
        return self.ticket.user

    @property
    def priority(self) -> int:
        return self.ticket.workflow_context.workflow_priority

    @property
    def held(self) -> bool:
        return self.state in {"claimed", "lapsed"}

    def end(self, attestation: str) -> None:
        assert self.attestation is None, "a second attestation"
        self.state, self.attestation, self.token = "ended", attestation, ""


@dataclass
class Debts:
    """Between two tickets that a class takes of one user, it takes one of everybody who waits meanwhile."""

    owed: dict[tuple[str, str], set[tuple[str, int]]] = field(default_factory=dict)
    """Class (by its models) and user that it served -> users, and in which priority, that are to be served before that
    one again, as they have waited ever since."""

    def serve(self, have: str, step: Step, steps: Iterable[Step]) -> None:
        """A class takes a step; what it took before costs no turn."""
        if step.again:
            return
        first = self.owed.get((have, step.user), set())
        assert not [user for user, priority in first if priority == step.priority]
        for owed in self.owed.values():
            owed.difference_update({one for one in owed if one[0] == step.user})
        self.owed[have, step.user] = {one for one in waiting(have, steps) if one[0] != step.user}

    def forgive(self, steps: Iterable[Step]) -> None:
        """Who does not wait any more is owed nothing."""
        self.owed = {(have, user): owed & waiting(have, steps) for (have, user), owed in self.owed.items()}


def waiting(have: str, steps: Iterable[Step]) -> set[tuple[str, int]]:
    """Who waits for a turn of a class, in which priority."""
    return {
        (step.user, step.priority)
        for step in steps
        if step.state == "waiting" and not step.again and set(have).issuperset(step.ticket.requirements.models)
    }


@dataclass
class World:
    """The queue and what is needed to talk to it."""

    loop: asyncio.AbstractEventLoop
    client: Any
    blocking: Any
    workers: dict[str, Worker] = field(default_factory=dict)

    def do(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(call)
