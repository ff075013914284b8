"""A payload that kills every worker that takes it."""

import asyncio
from contextlib import AsyncExitStack

from tests.flows.conftest import System, worker_process
from tests.orchestrator.rig import make_recipe

from emprops.jobs import dead_letter_store
from emprops.kit.web.paging import Page

POISONED = """
import os
from emprops.connectors import registry
from emprops.connectors.noop import NoopConnector

class Fragile(NoopConnector):
    async def run(self, ticket, context):
        if ticket.payload["prompt"] == "poison":
            os._exit(137)
        return await super().run(ticket, context)

registry.HIDDEN["noop"] = Fragile
"""


async def test_poison_ends_among_the_dead_letters_and_harms_no_other_job(system: System) -> None:
    async with system.database.transaction() as tx:
        collection = str((await make_recipe(tx)).id)
    poison = await system.generate(collection, {"prompt": "poison"})
    healthy = await asyncio.gather(*(system.generate(collection, {"prompt": f"day {n}"}) for n in range(20)))
    async with system.database.reader() as reader:
        step = str(await reader.fetch_value("SELECT id FROM step WHERE job_id = %s", (poison,)))
    async with AsyncExitStack() as stack:
        start = [worker_process(system.settings, POISONED, EMPROPS_WORKER_CONNECTORS="noop") for _ in range(4)]
        workers = [await stack.enter_async_context(one) for one in start]
        alive = {asyncio.ensure_future(worker.wait()) for worker in workers}
        for losses in (1, 2, 3):
            async with asyncio.timeout(60):
                dead, alive = await asyncio.wait(alive, return_when=asyncio.FIRST_COMPLETED)
            assert [one.result() for one in dead] == [137], f"after {losses - 1} losses"
            assert await system.redis.zadd("emprops:leases", {step: 1}, xx=True, ch=True)  # its minute is over
        assert (await system.finished(poison))["status"] == "failed"
        ended = await asyncio.gather(*(system.finished(job_id) for job_id in healthy))
        assert [job["status"] for job in ended] == ["completed"] * 20
        assert [one for one in alive if one.done()] == []
    async with system.database.reader() as reader:
        [letter] = await dead_letter_store.open_letters(reader, Page())
    assert (str(letter.job_id), letter.reason, letter.losses, letter.attempts) == (poison, "worker_lost", 3, 3)
