"""How much there is to do, as people and autoscalers are told."""

from typing import Any

from tests.queue.helpers import PREFIX, RETRYABLE, Worker, ids, lapse, make_ticket, reports, with_models

from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.survey import Load, Survey, survey


async def age(client: Any, step: str, seconds: float) -> None:
    """Let a ticket have been in its state for that much longer."""
    key = f"{PREFIX}{KEYS.ticket}{step}"
    await client.hincrby(key, "since", -int(seconds * 1000))


def load_of(found: Survey, *models: str) -> Load:
    (load,) = [load for load in found.loads if load.requirement["models"] == list(models)]
    return load


async def test_an_empty_queue(client: Any) -> None:
    assert await survey(client, PREFIX) == Survey((), 0, 0, 0, 0, 0, 0, 0.0)


async def test_it_counts_by_requirement_what_waits_and_runs(queue: Queue, client: Any) -> None:
    await queue.enqueue([make_ticket(f"a{n}", at=n, models=["a"]) for n in range(3)])
    await queue.enqueue([make_ticket("b", models=["b"]), make_ticket("c", at=9)])
    worker = Worker(client, offers=with_models("a"))
    assert ids(await worker.claim(2)) == ["a0", "a1"]
    await age(client, "a2", 60)
    await age(client, "a0", 120)
    found = await survey(client, PREFIX)
    a, b = load_of(found, "a"), load_of(found, "b")
    assert (a.waiting, a.running, b.waiting, b.running) == (1, 2, 1, 0)
    assert 60 <= a.oldest_wait < 70
    assert 120 <= a.longest_run < 130
    assert b.oldest_wait < 10
    assert (found.waiting, found.claimed, found.signatures) == (3, 2, 3)
    assert found.reports == 1


async def test_an_urgent_ticket_does_not_hide_one_that_has_waited_longer(queue: Queue, client: Any) -> None:
    await queue.enqueue([make_ticket("old", priority=1), make_ticket("middle", priority=50)])
    await queue.enqueue([make_ticket("new", priority=100)])
    await age(client, "old", 600)
    assert 600 <= load_of(await survey(client, PREFIX)).oldest_wait < 610


async def test_a_wait_begins_when_the_ticket_comes_whatever_the_age_of_its_job(queue: Queue, client: Any) -> None:
    await queue.enqueue([make_ticket("step-2-of-an-old-job", at=-86_400_000)])
    assert load_of(await survey(client, PREFIX)).oldest_wait < 10


async def test_a_wait_begins_again_when_a_step_comes_back(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    await worker.claim_one()
    await age(client, "s", 300)
    await lapse(client, "s")
    assert (await queue.reclaim()).offered == 1
    found = load_of(await survey(client, PREFIX))
    assert (found.waiting, found.running) == (1, 0)
    assert found.oldest_wait < 10


async def test_delayed_and_dead_tickets_are_counted(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    s, t = await worker.claim(2)
    await worker.finish(s, RETRYABLE)
    await client.hset(f"{PREFIX}{KEYS.ticket}t", "failures", 3)
    await worker.finish(t, RETRYABLE)
    found = await survey(client, PREFIX)
    assert (found.delayed, found.dead, found.claimed, found.loads) == (1, 1, 0, ())


async def test_reports_say_how_long_the_ticket_waited_and_the_claim_lasted(
    queue: Queue, client: Any, worker: Worker
) -> None:
    await queue.enqueue([make_ticket("s")])
    await age(client, "s", 30)
    claim = await worker.claim_one()
    assert 30 <= claim.waited < 40
    await age(client, "s", 20)
    await worker.finish(claim)
    started, completed = await reports(client, "s")
    assert started.seconds == claim.waited
    assert completed.seconds is not None
    assert 20 <= completed.seconds < 30


async def test_a_survey_looks_at_no_more_than_it_is_told_to_a_part_at_a_time(queue: Queue, client: Any) -> None:
    await queue.enqueue([make_ticket(f"s{n}", models=[f"m{n}"]) for n in range(5)])
    whole, some = await survey(client, PREFIX, part=2), await survey(client, PREFIX, most=3, part=2)
    assert sorted(load.requirement["models"] for load in whole.loads) == [[f"m{n}"] for n in range(5)]
    assert (len(some.loads), some.signatures) == (3, 5)
