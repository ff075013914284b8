"""Turns over random histories in which much waits: whom each class serves, and in which order."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from tests.queue.helpers import Worker, ids, make_ticket, with_models
from tests.queue.model import Debts, Step

from emprops.queue.dispatch import Queue

CLASSES = ("ab", "a", "b")


class History:
    """Random calls, each held against the model."""

    def __init__(self, queue: Queue, client: Any, seed: int, weights: Mapping[str, int]) -> None:
        self.queue, self.dice, self.weights = queue, random.Random(seed), weights
        self.workers = {have: Worker(client, have, with_models(*have)) for have in CLASSES}
        self.steps: dict[str, Step] = {}
        self.debts = Debts()
        self.served = 0

    def waiting(self, have: str = "ab") -> list[Step]:
        return [
            step
            for step in self.steps.values()
            if step.state == "waiting" and set(have).issuperset(step.ticket.requirements.models)
        ]

    async def enqueue(self) -> None:
        what: dict[str, Any] = {
            "user": (user := self.dice.choice("uuuvwx")),
            "weight": self.weights.get(user, 1),
            "priority": self.dice.choice((50, 50, 50, 60)),
            "models": self.dice.choice(("", "a", "b", "ab")),
        }
        tickets = [
            make_ticket(f"s{len(self.steps) + n:04}", at=self.dice.randrange(1000), **what)
            for n in range(self.dice.choice((1, 1, 2, 9)))
        ]
        assert await self.queue.enqueue(tickets) == ["new"] * len(tickets)
        self.steps |= {ticket.id: Step(ticket) for ticket in tickets}

    async def claim(self) -> None:
        have = self.dice.choice(CLASSES)
        claims = await self.workers[have].claim(want := self.dice.randint(1, 4))
        assert len(claims) == min(want, len(self.waiting(have)))
        for claim in claims:
            step = self.steps[claim.ticket.id]
            self.check_order(step, self.waiting(have))
            self.debts.serve(have, step, self.steps.values())
            self.served += not step.again
            step.state, step.again = "claimed", True
            self.debts.forgive(self.steps.values())
        if self.dice.random() < 0.1:
            await self.workers[have].link.release(claims)
            for step_id in ids(claims):
                self.steps[step_id].state = "waiting"

    @staticmethod
    def check_order(step: Step, runnable: list[Step]) -> None:
        """The highest priority first, in it what was taken before, then each user's tickets by age."""
        assert step.priority == max(other.priority for other in runnable)
        peers = [other for other in runnable if (other.priority, other.again) == (step.priority, step.again)]
        assert step.again or not any(other.again for other in runnable if other.priority == step.priority)
        if not step.again:
            peers = [other for other in peers if other.user == step.user]
        assert step.order == min(other.order for other in peers)

    async def cancel(self) -> None:
        if found := self.waiting():
            step = self.dice.choice(found)
            assert await self.queue.cancel([(step.ticket.id, 1)], "x") == ["waiting"]
            step.state = "ended"
            self.debts.forgive(self.steps.values())


@pytest.mark.parametrize("weights", [{}, {"u": 2, "v": 5}, {"u": 100}], ids=["alike", "some", "one"])
@pytest.mark.parametrize("seed", range(12))
async def test_between_two_turns_of_a_user_everybody_else_is_served(
    queue: Queue, client: Any, seed: int, weights: dict[str, int]
) -> None:
    history = History(queue, client, seed, weights)
    for _ in range(250):
        await history.dice.choice([history.enqueue] * 4 + [history.claim] * 4 + [history.cancel])()
    while history.waiting():
        await history.claim()
    assert history.served > 100
