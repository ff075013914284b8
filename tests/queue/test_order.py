"""Who is next: priority, then the job's age, then the id; among what the worker can run."""

import random
from typing import Any

import pytest
from tests.queue.helpers import EPOCH, Worker, ids, make_ticket, with_models

from emprops.queue.dispatch import Queue
from emprops.queue.matching import Offer, WorkerOffers, order_score

MODELS = ("flux", "sdxl", "wan", "ltx", "hunyuan")


async def test_higher_priority_first_then_older_job_then_first_in(queue: Queue, worker: Worker) -> None:
    await queue.enqueue(
        [
            make_ticket("e-young", at=9),
            make_ticket("d-low", at=0, priority=10),
            make_ticket("c-second", at=5),
            make_ticket("b-first", at=5),
            make_ticket("a-high", at=99, priority=90),
        ]
    )
    assert ids(await worker.claim(9)) == ["a-high", "b-first", "c-second", "e-young", "d-low"]


async def test_order_does_not_depend_on_how_many_are_claimed_at_once(queue: Queue, worker: Worker) -> None:
    tickets = [make_ticket(f"s{n:03}", at=n * 7 % 50, models=[MODELS[n % 5]]) for n in range(50)]
    await queue.enqueue(tickets)
    expected = sorted(tickets, key=lambda ticket: ticket.workflow_context.workflow_datetime)
    claimed: list[str] = []
    for want in (1, 7, 2, 30, 50):
        claimed += ids(await worker.claim(want))
    assert claimed == [ticket.id for ticket in expected]


async def test_a_later_step_of_an_old_job_goes_before_a_new_job(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("new-job-step-1", at=1000)])
    await queue.enqueue([make_ticket("old-job-step-2", at=3)])
    assert ids(await worker.claim(2)) == ["old-job-step-2", "new-job-step-1"]


@pytest.mark.parametrize("seed", range(6))
async def test_classes_that_share_signatures_each_see_the_right_order(queue: Queue, client: Any, seed: int) -> None:
    """A claim of one class moves the first ticket of signatures that others know of only by a lower bound."""
    dice = random.Random(seed)
    workers = [
        Worker(client, f"worker-{n}", with_models(*dice.sample(MODELS, dice.randint(1, len(MODELS))))) for n in range(5)
    ]
    waiting = {}
    for n in range(300):
        if dice.random() < 0.5:
            ticket = make_ticket(
                f"s{n:03}",
                at=dice.randrange(10_000_000) * 1000 + n,  # no two alike: ties between signatures have no order
                priority=dice.choice((10, 50, 90)),
                models=dice.sample(MODELS, dice.randint(0, 2)),
            )
            waiting[ticket.id] = ticket
            await queue.enqueue([ticket])
            continue
        worker = dice.choice(workers)
        models = worker.offers["noop"].models
        assert models is not None
        runnable = [ticket for ticket in waiting.values() if models.issuperset(ticket.requirements.models)]
        runnable.sort(key=lambda t: (-t.workflow_context.workflow_priority, t.workflow_context.workflow_datetime, t.id))
        want = dice.randint(1, 4)
        claimed = ids(await worker.claim(want))
        assert claimed == [ticket.id for ticket in runnable[:want]]
        for step in claimed:
            del waiting[step]


@pytest.mark.parametrize(
    ("offers", "runnable"),
    [
        ({"other": Offer()}, []),
        ({"noop": Offer()}, ["plain", "model", "models", "node", "capability", "all"]),
        ({"noop": Offer(models=frozenset(), custom_nodes=frozenset())}, ["plain"]),
        ({"noop": Offer(models=frozenset({"a"}), custom_nodes=frozenset())}, ["plain", "model"]),
        ({"noop": Offer(models=frozenset({"a", "b"}), custom_nodes=frozenset())}, ["plain", "model", "models"]),
        ({"noop": Offer(models=frozenset(), custom_nodes=frozenset({"n"}))}, ["plain", "node"]),
        ({"noop": Offer(models=frozenset(), capabilities=(("gpu", "a100"),))}, ["plain", "node", "capability"]),
        (
            {"noop": Offer(frozenset({"a", "b"}), frozenset({"n"}), (("gpu", "h100"),))},
            ["plain", "model", "models", "node"],
        ),
    ],
)
async def test_a_worker_gets_only_what_it_can_run(
    queue: Queue, client: Any, offers: WorkerOffers, runnable: list[str]
) -> None:
    gpu = {"gpu": "a100"}
    await queue.enqueue(
        [
            make_ticket("plain", at=1),
            make_ticket("model", at=2, models=["a"]),
            make_ticket("models", at=3, models=["a", "b"]),
            make_ticket("node", at=4, custom_nodes=["n"]),
            make_ticket("capability", at=5, capabilities=gpu),
            make_ticket("all", at=6, models=["a"], custom_nodes=["n"], capabilities=gpu),
        ]
    )
    # capabilities are compared by value, so the hosted service of the second row must have it too
    if offers == {"noop": Offer()}:
        offers = {"noop": Offer(capabilities=(("gpu", "a100"),))}
    assert ids(await Worker(client, offers=offers).claim(9)) == runnable


async def test_a_worker_of_several_job_types_sees_one_line(queue: Queue, client: Any) -> None:
    offers = {"image": Offer(), "video": Offer()}
    await queue.enqueue([make_ticket(f"s{n}", at=n, job_type=("image", "video", "text")[n % 3]) for n in range(7)])
    assert ids(await Worker(client, offers=offers).claim(9)) == ["s0", "s1", "s3", "s4", "s6"]


def test_scores_are_exact_and_ordered_over_the_whole_range() -> None:
    latest = EPOCH + 200 * 365 * 86_400_000
    order = [(100, 0), (100, latest), (99, 0), (50, EPOCH), (50, EPOCH + 1), (50, latest), (0, EPOCH), (0, latest)]
    scores = [float(order_score(priority, at)) for priority, at in order]
    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)
    assert all(float(order_score(p, at)) == int(order_score(p, at)) for p, at in order)
