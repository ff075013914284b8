"""A run remembers what it began: the heartbeat takes it to the queue before the run goes on."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.engines import Engines
from tests.queue.helpers import PREFIX, make_ticket
from tests.queue.proxy import Proxy
from tests.worker.rig import DONE, ReportLog, Rig

from emprops.connectors.base import Outcome, RetryableError, RunContext
from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.messages import Ticket

MakeRig = Callable[..., Rig]


async def stored(client: Any) -> bytes | None:
    return bytes(found) if (found := await client.hget(f"{PREFIX}{KEYS.ticket}s", "remembered")) else None


async def test_it_is_stored_before_the_run_goes_on_and_reaches_the_next_attempt(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any
) -> None:
    seen: list[Any] = []

    async def work(_: Ticket, context: RunContext) -> Outcome:
        seen.append(context.remembered)
        if len(seen) == 1:
            await context.remember({"id": "first"})
            assert await stored(client) == b'{"id":"first"}'
            await context.remember(None)
            assert await stored(client) is None
            await context.remember({"id": "second", "nul": "\0"})
            raise RetryableError("the service was away", retry_after=0.01)
        return DONE

    rig = make_rig(body=work)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(), rig.working():
        await log.until("s", "retrying")
        await client.zadd(PREFIX + KEYS.delayed, {"s": 1}, xx=True)
        await queue.reclaim()
        await log.until("s", "completed")
    assert seen == [None, {"id": "second", "nul": "\ufffd"}]


async def test_while_the_queue_is_away_the_run_goes_on_and_it_is_stored_later(
    queue: Queue, make_rig: MakeRig, log: ReportLog, engines: Engines, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emprops.worker.context.REMEMBER_TIME", 0.05)
    async with Proxy(engines.redis_socket, engines.folder / "remember.sock").serving() as proxy:

        async def work(_: Ticket, context: RunContext) -> Outcome:
            proxy.go_down()
            await context.remember({"id": 7})
            assert await stored(client) is None
            proxy.come_up()
            while await stored(client) is None:
                context.progress(50.0)
            return DONE

        rig = make_rig(body=work, heart_url=proxy.url)
        await queue.enqueue([make_ticket("s")])
        async with rig.beating(), rig.working():
            await log.until("s", "completed")


@pytest.mark.parametrize("work", [{"id": "x" * 5_000}, {"id": {1, 2}}, {"id": float("inf"), "more": object()}])
async def test_what_cannot_be_stored_is_refused_at_once(
    queue: Queue, make_rig: MakeRig, log: ReportLog, work: Any
) -> None:
    async def body(_: Ticket, context: RunContext) -> Outcome:
        with pytest.raises(ValueError, match="What the run remembers"):
            await context.remember(work)
        return DONE

    rig = make_rig(body=body)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(), rig.working():
        await log.until("s", "completed")
