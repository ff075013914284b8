"""Slots of their own for job types: each lane waits, fills and is woken for itself."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.queue.helpers import PREFIX, make_ticket
from tests.queue.helpers import Worker as OtherWorker
from tests.worker.rig import DONE, PATIENCE, ReportLog, Rig, forever, nothing

from emprops.connectors.base import Outcome, RunContext
from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.matching import Offer, WorkerOffers, class_of, lanes_of
from emprops.queue.messages import Ticket
from emprops.settings import SettingsError
from emprops.worker.lanes import Lanes, slots_from

MakeRig = Callable[..., Rig]
OFFERS: WorkerOffers = {"noop": Offer(), "image": Offer(models=frozenset({"flux"})), "chat": Offer()}


def with_lanes(rig: Rig, *, shared: int = 1, **own: int) -> Rig:
    rig.loop.connectors = dict.fromkeys(OFFERS, rig.loop.connectors["noop"])
    rig.loop.lanes = Lanes(OFFERS, shared=shared, own=own)
    return rig


async def is_idle(client: Any, offers: WorkerOffers) -> bool:
    return await client.zscore(f"{PREFIX}{KEYS.idle}{class_of(offers)}", "worker-1") is not None


async def until_idle(client: Any, offers: WorkerOffers, *, idle: bool = True) -> None:
    async with asyncio.timeout(PATIENCE):
        while await is_idle(client, offers) != idle:
            await client.ping()


async def test_each_lane_takes_what_fits_and_no_more(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    rig = with_lanes(make_rig(body=forever, grace=0.0), shared=2, image=1)
    images = [make_ticket(f"i{n}", at=n, job_type="image") for n in range(3)]
    others = [make_ticket(f"c{n}", at=9 + n, job_type=job_type) for n, job_type in enumerate(("chat", "noop", "chat"))]
    await queue.enqueue([*images, *others])
    async with rig.working():
        await rig.begun("i0", "c0", "c1")
        assert (rig.loop.lanes.total, rig.loop.lanes.free) == (3, 0)
        assert await queue.ticket_states(["i1", "i2", "c2"]) == ["waiting"] * 3
    assert rig.loop.counters.abandoned == 3


async def test_a_full_lane_is_not_woken_and_the_others_are(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any, waiting_client: Any
) -> None:
    patient = make_rig(body=forever, grace=0.0, client=waiting_client, poll=2 * PATIENCE)
    rig = with_lanes(patient, image=1)  # which only being woken starts soon enough
    image, rest = lanes_of(OFFERS, ["image"])
    other = OtherWorker(client, "other", OFFERS)
    await queue.enqueue([make_ticket("i0", job_type="image")])
    async with rig.working():
        await rig.begun("i0")
        await until_idle(client, rest)
        assert not await is_idle(client, image)
        assert await other.claim() == []
        wait = asyncio.create_task(other.link.wait(PATIENCE))
        await queue.enqueue([make_ticket("i1", at=1, job_type="image")])
        assert await wait == "work"
        await queue.enqueue([make_ticket("c", job_type="chat")])
        await rig.begun("c")


async def test_a_lane_with_endless_work_does_not_starve_another(
    queue: Queue, make_rig: MakeRig, log: ReportLog
) -> None:
    rig = with_lanes(make_rig(body=nothing), shared=4, image=1)
    await queue.enqueue([make_ticket(f"c{n:03}", at=n, job_type="chat") for n in range(300)])
    await queue.enqueue([make_ticket("i", at=1000, job_type="image")])
    async with rig.working():
        await log.until("i", "completed")
        completed = sum(report.kind == "completed" for report in log.seen)
        assert completed < 100
        await log.until("c299", "completed")


async def test_a_freed_slot_is_filled_from_its_own_lane(queue: Queue, make_rig: MakeRig, log: ReportLog) -> None:
    gate = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        await (gate.wait() if ticket.job_type == "image" else forever(ticket, context))
        return DONE

    rig = with_lanes(make_rig(body=work, grace=0.0), image=1)
    await queue.enqueue(
        [make_ticket(f"{kind[0]}{n}", at=n, job_type=kind) for kind in ("image", "chat") for n in (0, 1)]
    )
    async with rig.working():
        await rig.begun("i0", "c0")
        gate.set()
        await rig.begun("i1")
        assert await queue.ticket_states(["c1"]) == ["waiting"]


async def test_lines_are_left_when_offers_change(queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any) -> None:
    rig = with_lanes(make_rig(body=nothing), image=1)
    image, rest = lanes_of(OFFERS, ["image"])
    async with rig.working():
        await until_idle(client, image)
        changed: WorkerOffers = {**OFFERS, "image": Offer(models=frozenset({"flux", "lora"}))}
        rig.loop.offer(changed)
        new, _ = lanes_of(changed, ["image"])
        await until_idle(client, new)
        await until_idle(client, image, idle=False)
        await until_idle(client, rest)
        without: WorkerOffers = {"noop": Offer(), "chat": Offer()}
        rig.loop.offer(without)  # the image service is away: nobody waits for pictures
        await queue.enqueue([make_ticket("c", job_type="chat")])
        await log.until("c", "completed")
        await until_idle(client, new, idle=False)


async def test_steps_that_stop_are_handed_back_from_every_lane(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    rig = with_lanes(make_rig(body=forever, grace=0.0), image=1)
    await queue.enqueue([make_ticket("i", job_type="image"), make_ticket("c", job_type="chat")])
    async with rig.working():
        await rig.begun("i", "c")
    assert await queue.ticket_states(["i", "c"]) == ["waiting", "waiting"]
    assert [await is_idle(client, offers) for offers in lanes_of(OFFERS, ["image"])] == [False, False]


def test_without_slots_of_their_own_offers_are_one_lane() -> None:
    assert lanes_of(OFFERS, []) == [OFFERS]
    assert lanes_of(OFFERS, ["image", "chat", "noop"]) == [{name: OFFERS[name]} for name in ("image", "chat", "noop")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("video=1", "names video, which this worker does not serve; it serves chat, image, noop."),
        ("image", "'image' is not a job type with a number from 1 up"),
        ("image=0", "'image=0' is not"),
        ("image=two", "'image=two' is not"),
        ("image=1,chat=2,image=3", "names image twice"),
    ],
)
def test_what_is_no_list_of_slots_is_refused_with_a_sentence(text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        slots_from(text, OFFERS)


def test_a_list_of_slots() -> None:
    assert slots_from(" image=1, chat=8", OFFERS) == {"image": 1, "chat": 8}
    assert slots_from("", OFFERS) == {}
