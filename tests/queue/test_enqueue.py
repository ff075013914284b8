"""Putting tickets in: once, again, newer, older, after Redis lost everything."""

import asyncio
from typing import Any

from tests.queue.helpers import FINAL, PREFIX, RETRYABLE, Worker, ids, kinds, lapse, make_ticket, with_models

from emprops.queue.dispatch import BATCH, Queue
from emprops.queue.keys import KEYS


async def test_the_same_ticket_twice_is_one_ticket(queue: Queue, worker: Worker) -> None:
    ticket = make_ticket("s")
    assert await queue.enqueue([ticket, ticket]) == ["new", "known"]
    claim = await worker.claim_one()
    assert await queue.enqueue([ticket]) == ["known"]
    assert await worker.claim() == []
    assert await worker.finish(claim, RETRYABLE)
    assert await queue.enqueue([ticket]) == ["known"]
    assert await worker.claim() == []


async def test_nothing_to_enqueue(queue: Queue) -> None:
    assert await queue.enqueue([]) == []


async def test_a_finished_ticket_is_reported_again_instead_of_run_again(
    queue: Queue, client: Any, worker: Worker
) -> None:
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    first, second = await worker.claim(2)
    assert await worker.finish(first)
    assert await worker.finish(second, FINAL)
    assert await queue.enqueue([make_ticket("s"), make_ticket("t")]) == ["finished", "finished"]
    assert await worker.claim(9) == []
    assert await kinds(client, "s") == ["started", "completed", "completed"]
    assert await kinds(client, "t") == ["started", "failed", "failed"]


async def test_a_newer_run_replaces_an_older_one_wherever_it_stands(queue: Queue, client: Any) -> None:
    """The new run may require something else: nobody may get it by the old requirement."""
    old, new = Worker(client, "old", with_models("a")), Worker(client, "new", with_models("b"))
    names = ["waiting", "claimed", "delayed"]
    await queue.enqueue([make_ticket(name, at=n, models=["a"]) for n, name in enumerate(reversed(names))])
    delayed, claimed = await old.claim(2)
    assert await old.finish(delayed, RETRYABLE)
    assert (
        await queue.enqueue([make_ticket(name, at=n, run=2, models=["b"]) for n, name in enumerate(names)])
        == ["new"] * 3
    )
    assert await queue.enqueue([make_ticket(name, models=["a"]) for name in names]) == ["stale"] * 3
    assert await old.claim(9) == []
    assert not await old.finish(claimed)
    claims = await new.claim(9)
    assert ids(claims) == names
    assert await new.claim(9) == []
    await client.zadd(PREFIX + KEYS.delayed, {"delayed": 1})  # a trace of the old run
    assert (await queue.reclaim()).offered == 0
    assert all([await new.finish(claim) for claim in claims])


async def test_a_newer_run_of_the_same_requirement_is_handed_out_once(queue: Queue, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s", at=5)])
    await queue.enqueue([make_ticket("s", at=1, run=2)])
    assert [claim.ticket.run for claim in await worker.claim(9)] == [2]


async def test_attempt_numbers_go_on_after_redis_lost_everything(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    before = await worker.claim_one()
    await client.flushall()
    assert await queue.enqueue([make_ticket("s", attempts_before=before.attempt)]) == ["new"]
    after = await worker.claim_one()
    assert after.attempt == 2
    assert not await worker.finish(before)
    assert await worker.finish(after)
    assert await kinds(client, "s") == ["started", "completed"]


async def test_forgotten_scripts_are_sent_again(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue([make_ticket("s")])
    await client.script_flush()
    claim = await worker.claim_one()
    await client.script_flush()
    assert await worker.finish(claim)
    await client.script_flush()
    assert await queue.cancel([("s", 1)], "x") == ["unknown"]


async def test_more_tickets_than_one_call_takes(queue: Queue, worker: Worker) -> None:
    tickets = [make_ticket(f"s{n:04}", at=n) for n in range(BATCH + 7)]
    assert await queue.enqueue(tickets) == ["new"] * len(tickets)
    assert ids(await worker.claim(len(tickets))) == [ticket.id for ticket in tickets]


async def test_more_unknown_requirements_than_one_judgement_takes(queue: Queue, client: Any) -> None:
    tickets = [make_ticket(f"s{n:04}", at=-n, models=[f"model-{n}"]) for n in range(1203)]
    await queue.enqueue(tickets)
    worker = Worker(client, offers=with_models("model-3", "model-600", "model-1202"))
    assert ids(await worker.claim(9)) == ["s1202", "s0600", "s0003"]


async def test_a_judgement_made_before_redis_lost_everything_does_not_count_after(
    queue: Queue, client: Any, worker: Worker
) -> None:
    """Its numbers must not hide the signatures registered since."""
    await queue.enqueue([make_ticket(f"s{n}", models=[f"m{n}"]) for n in range(20)])
    (up_to,) = (await client.zrange(PREFIX + KEYS.sigs, -1, -1, withscores=True))[0][1:]
    await client.flushall()
    await queue.enqueue([make_ticket("t", models=["m1"])])
    # what a worker in the middle of judging sends now
    await worker.link.scripts("judge", worker.link._class_of(worker.offers), "0", f"{up_to:.0f}")
    assert ids(await worker.claim()) == ["t"]


async def test_forget_drops_only_what_is_unused(queue: Queue, client: Any, worker: Worker) -> None:
    await queue.enqueue(
        [make_ticket(name, at=n, models=[name]) for n, name in enumerate(["ended", "claimed", "delayed"])]
    )
    ended, _, delayed = await worker.claim(3)
    await queue.enqueue([make_ticket("waiting", models=["waiting"])])
    assert await worker.finish(ended)
    assert await worker.finish(delayed, RETRYABLE)
    assert await queue.forget(signature_age=0, class_age=3600) == 1
    assert await client.zcard(PREFIX + KEYS.sigs) == 3
    assert await client.hlen(PREFIX + KEYS.requirements) == 3
    assert await queue.forget(signature_age=3600, class_age=0) == 1
    await lapse(client, "claimed")
    await queue.reclaim()
    await client.zadd(PREFIX + KEYS.delayed, {"delayed": 1})
    assert sorted(ids(await worker.claim(9))) == ["claimed", "delayed", "waiting"]
    await queue.enqueue([make_ticket("again", models=["ended"])])
    assert ids(await worker.claim(9)) == ["again"]


async def test_a_class_forgotten_between_question_and_answer_is_asked_again(
    queue: Queue, client: Any, worker: Worker
) -> None:
    await queue.enqueue([make_ticket("first", at=1, models=["a"])])
    assert ids(await worker.claim()) == ["first"]
    name = worker.link._class_of(worker.offers)
    judged = await client.hget(PREFIX + KEYS.judged, name)
    await queue.enqueue([make_ticket("old-signature", at=2, models=["a"]), make_ticket("new", at=3, models=["b"])])
    (up_to,) = (await client.zrange(PREFIX + KEYS.sigs, -1, -1, withscores=True))[0][1:]
    await queue.forget(signature_age=3600, class_age=0)
    assert await worker.link.scripts("judge", name, judged, f"{up_to:.0f}") == 0
    assert ids(await worker.claim(9)) == ["old-signature", "new"]


async def test_a_forgotten_class_is_struck_off_the_signatures_it_could_run(
    queue: Queue, client: Any, worker: Worker
) -> None:
    await queue.enqueue([make_ticket("s")])
    await worker.claim_one()
    await queue.forget(class_age=0)
    await queue.enqueue([make_ticket("t")])
    assert await client.keys(f"{PREFIX}{KEYS.heads}*") == []
    assert await client.keys(f"{PREFIX}{KEYS.sig_classes}*") == []
    assert ids(await worker.claim()) == ["t"]


async def test_callers_at_once_each_learn_of_their_own_tickets(queue: Queue) -> None:
    await queue.enqueue([make_ticket("s3")])
    answers = await asyncio.gather(*(queue.enqueue([make_ticket(f"s{n}")]) for n in range(200)))
    assert [answer for (answer,) in answers] == ["known" if n == 3 else "new" for n in range(200)]
    assert set(await queue.ticket_states([f"s{n}" for n in range(200)])) == {"waiting"}
