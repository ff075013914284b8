"""A user's weight is on every ticket of theirs, whichever way it goes to the queue."""

import pytest
from psycopg.errors import CheckViolation
from tests.orchestrator.rig import Rig, failed_job, picture
from tests.quotas.test_start import limit

from emprops.kit.ids import new_id
from emprops.orchestrator.repair.rescue import rebuild_redis, send_unsent
from emprops.queue.keys import KEYS
from emprops.quotas import store
from emprops.quotas.limits import QuotaLimits, Subject


async def weigh(rig: Rig, weight: int, **limits: int) -> None:
    async with rig.database.transaction() as tx:
        await store.put(tx, Subject("user", rig.user_id), QuotaLimits(**limits), weight, by="the test")


async def weights(rig: Rig) -> list[str | None]:
    """Those of all tickets."""
    found = await rig.redis.keys(f"{rig.settings.queue_prefix}{KEYS.ticket}*")
    return [weight and weight.decode() for weight in [await rig.redis.hget(key, "weight") for key in found]]


async def test_first_and_later_steps(rig: Rig) -> None:
    await weigh(rig, 3)
    await rig.start(steps=2)
    assert await weights(rig) == ["3"]
    await rig.run(picture())
    assert await weights(rig) == ["3"]


async def test_most_users_have_none(rig: Rig) -> None:
    await rig.start()
    await limit(rig, open_jobs=5)
    await rig.start()
    assert await weights(rig) == [None, None]


async def test_steps_that_were_held_back(rig: Rig) -> None:
    await weigh(rig, 4, running_steps=1)
    await rig.start(generations=2)
    assert await weights(rig) == ["4"]
    await rig.run(picture())
    assert await weights(rig) == ["4"]


async def test_a_retry(rig: Rig) -> None:
    job_id = await failed_job(rig)
    await weigh(rig, 5)
    await rig.ok(job_id, "retry")
    await rig.dispatcher.flush()
    assert await weights(rig) == ["5"]


async def test_what_was_lost_is_sent_with_the_present_weight(rig: Rig) -> None:
    await weigh(rig, 2)
    await rig.start(send=False)
    await send_unsent(rig.dispatcher, older_than=0)
    assert await weights(rig) == ["2"]
    await weigh(rig, 6)
    await rig.redis.flushall()
    await rebuild_redis(rig.dispatcher)
    await send_unsent(rig.dispatcher, older_than=0)
    assert await weights(rig) == ["6"]


async def test_a_weight_of_a_key_cannot_be_stored(rig: Rig) -> None:
    async with rig.database.reader() as alone:
        with pytest.raises(CheckViolation, match="quota_weight_of_user"):
            await store.put(alone, Subject("key", new_id()), QuotaLimits(), 3, by="the test")
