"""The queue against a model of plain dictionaries, over random histories with faults. Time passes by decree."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    rule,
    run_state_machine_as_test,
)
from tests.engines import Engines
from tests.queue.helpers import PREFIX
from tests.queue.machine import WORKERS, QueueMachine
from tests.queue.model import Step, World

from emprops.kit.redis import connect
from emprops.queue.keys import KEYS


class WarmMachine(QueueMachine):
    """The same with tickets that are left for workers with warm models: no order is promised among these, but that
    each is left for one waiting worker at most, and not for ever."""

    affinity_wait = 60.0
    users = ("",)

    def check_order(self, step: Step, runnable: list[Step]) -> None:
        alike = [other for other in runnable if other.ticket.requirements == step.ticket.requirements]
        before = [other for other in alike if (*other.rank, other.ticket.id) < (*step.rank, step.ticket.id)]
        assert len(before) < len(WORKERS)
        assert step.ticket.requirements.models or not before

    def check_rest(self, name: str, rest: list[Step]) -> None:
        for models in {step.ticket.requirements.models for step in rest}:
            assert models, f"{name}: a ticket without models was held back"
            assert sum(step.ticket.requirements.models == models for step in rest) < len(WORKERS)

    @rule()
    def waits_are_over(self) -> None:
        for name, step in self.steps.items():
            if step.attestation is None:
                self.world.blocking.hset(f"{PREFIX}{KEYS.ticket}{name}", "warm_until", 1)

    def teardown(self) -> None:
        self.waits_are_over()
        super().teardown()


class WeightMachine(QueueMachine):
    """The same with users of whom several tickets are taken in one turn."""

    weights: ClassVar[Mapping[str, int]] = {"u": 3, "v": 2}


@pytest.mark.parametrize(("machine", "examples"), [(QueueMachine, 60), (WarmMachine, 30), (WeightMachine, 40)])
@pytest.mark.timeout(400)  # many rounds: slow where the machine is busy
def test_random_histories(engines: Engines, machine: type[QueueMachine], examples: int) -> None:
    loop = asyncio.new_event_loop()
    client = connect(engines.redis_url)
    with redis.Redis(unix_socket_path=engines.redis_socket) as blocking:
        QueueMachine.world = World(loop, client, blocking)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=40,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
    loop.run_until_complete(client.aclose())
    loop.close()
