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
    """Whoever waits for a class sees it take at most one ticket of another user before one of theirs; with a weight, at
    most so many."""

    owed: dict[tuple[str, str], dict[tuple[str, int], int]] = field(default_factory=dict)
    """Class (by its models) and user that it served -> users, and in which priority, who have waited ever since -> how
    many of that user's tickets they have seen go."""

    def serve(self, have: str, step: Step, steps: Iterable[Step]) -> None:
        """A class takes a step; what it took before costs no turn."""
        if step.again:
            return
        seen = self.owed.get((have, step.user), {})
        at_most = step.ticket.weight
        late = {user: n for (user, priority), n in seen.items() if priority == step.priority and n >= at_most}
        assert not late, f"{have} takes one more of {step.user}"
        for owed in self.owed.values():
            for one in [one for one in owed if one[0] == step.user]:
                del owed[one]
        others = {one for one in waiting(have, steps) if one[0] != step.user}
        self.owed[have, step.user] = {one: seen.get(one, 0) + 1 for one in others}

    def forgive(self, steps: Iterable[Step]) -> None:
        """Who does not wait any more is owed nothing."""
        for (have, _), owed in self.owed.items():
            present = waiting(have, steps)
            for one in [one for one in owed if one not in present]:
                del owed[one]


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
