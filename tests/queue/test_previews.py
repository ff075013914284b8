"""Previews on their way through Redis: whose they are, how large, and until when they are there."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from tests.engines import Engines
from tests.queue.helpers import FINAL, PREFIX, Worker, make_ticket

from emprops.queue.dispatch import Queue
from emprops.queue.keys import JOBS_CHANGED, KEYS
from emprops.queue.messages import MAX_PREVIEW_BYTES, Claim, Finished, Preview
from emprops.queue.previews import Previews
from emprops.queue.worker_link import Beat, RedisHeartbeat

PICTURE = Preview(b"\xff\xd8 picture \r\n\0", "image/jpeg", "12")


async def beat(heartbeat: RedisHeartbeat, claim: Claim, preview: Preview) -> set[str]:
    return await asyncio.to_thread(heartbeat.beat, [Beat(claim, preview=preview)])


@pytest.fixture
def heartbeat(engines: Engines) -> Iterator[RedisHeartbeat]:
    with redis.Redis(unix_socket_path=engines.redis_socket) as blocking:
        yield RedisHeartbeat(blocking, prefix=PREFIX, worker_id="worker-1", machine_id="m", lease=60.0)


@pytest.fixture
def previews(client: Any) -> Previews:
    return Previews(client, PREFIX)


async def test_the_latest_is_there_whole_and_listeners_are_poked(
    queue: Queue, client: Any, heartbeat: RedisHeartbeat, previews: Previews
) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await Worker(client).claim_one()
    async with client.pubsub() as channel:
        await channel.subscribe(PREFIX + JOBS_CHANGED)
        await channel.get_message(timeout=5)
        assert await beat(heartbeat, claim, Preview(b"older", "text/plain")) == set()
        assert (await channel.get_message(timeout=5))["data"] == b"job-of-s"
    first = await previews.latest("job-of-s")
    assert first is not None
    assert await previews.latest("job-of-s", after=first.seq) is None
    await client.hset(f"{PREFIX}{KEYS.preview}job-of-s", "seq", 1)  # a clock that stands still must not hide the next
    await beat(heartbeat, claim, PICTURE)
    shown = await previews.latest("job-of-s", after=1)
    assert shown is not None
    assert (shown.step_id, shown.preview) == ("s", PICTURE)
    assert 0 < await client.ttl(f"{PREFIX}{KEYS.preview}job-of-s") <= 300


async def test_who_lost_the_claim_shows_nothing(
    queue: Queue, client: Any, heartbeat: RedisHeartbeat, previews: Previews
) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await Worker(client).claim_one()
    stale = Claim(claim.ticket, "0" * 32, claim.attempt)
    assert await beat(heartbeat, stale, PICTURE) == {"s"}
    assert await previews.latest("job-of-s") is None


@pytest.mark.parametrize("content", [b"", bytes(MAX_PREVIEW_BYTES + 1)])
async def test_what_is_empty_or_too_large_is_not_kept(
    queue: Queue, client: Any, heartbeat: RedisHeartbeat, previews: Previews, content: bytes
) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await Worker(client).claim_one()
    assert await beat(heartbeat, claim, Preview(content, "image/jpeg")) == set()
    assert await previews.latest("job-of-s") is None


async def test_a_type_that_browsers_would_run_is_not_given_out(
    queue: Queue, client: Any, heartbeat: RedisHeartbeat, previews: Previews
) -> None:
    await queue.enqueue([make_ticket("s")])
    await beat(heartbeat, await Worker(client).claim_one(), Preview(b"<script>", "text/html"))
    assert await previews.latest("job-of-s") is None


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_it_goes_with_the_end_of_the_step(
    queue: Queue, client: Any, heartbeat: RedisHeartbeat, previews: Previews, end: str
) -> None:
    await queue.enqueue([make_ticket("s")])
    worker = Worker(client)
    claim = await worker.claim_one()
    await beat(heartbeat, claim, PICTURE)
    assert await previews.latest("job-of-s") is not None
    if end == "cancelled":
        await queue.cancel([("s", 1)], "Cancelled")
    else:
        assert await worker.finish(claim, Finished() if end == "completed" else FINAL)
    assert await previews.latest("job-of-s") is None
    assert await beat(heartbeat, claim, PICTURE) == {"s"}, "a late one must not bring it back"
    assert await previews.latest("job-of-s") is None


async def test_what_is_said_of_the_progress_goes_with_the_step(
    queue: Queue, client: Any, heartbeat: RedisHeartbeat, previews: Previews
) -> None:
    await queue.enqueue([make_ticket("s")])
    worker = Worker(client)
    claim = await worker.claim_one()
    assert await previews.said("job-of-s") == ""
    await asyncio.to_thread(heartbeat.beat, [Beat(claim, progress=10.0, message='at "3/5"\n')])
    assert await previews.said("job-of-s") == 'at "3/5"\n'
    assert await previews.latest("job-of-s") is None, "it is no preview"
    await asyncio.to_thread(heartbeat.beat, [Beat(claim, progress=11.0)])
    assert await previews.said("job-of-s") == 'at "3/5"\n'
    assert 0 < await client.ttl(f"{PREFIX}{KEYS.preview}job-of-s") <= 300
    assert await worker.finish(claim)
    assert await previews.said("job-of-s") == ""
