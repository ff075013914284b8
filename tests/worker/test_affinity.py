"""Two workers, two sets of models: once loaded, each stays where it is, as long as both have time."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from tests.queue.helpers import make_ticket, with_models
from tests.worker.rig import ReportLog, Rig, nothing

from emprops.queue.dispatch import Queue
from emprops.worker.lanes import Lanes


async def test_models_stay_with_the_worker_that_has_loaded_them(
    make_rig: Callable[..., Rig], log: ReportLog, client: Any
) -> None:
    queue = Queue(client, affinity_wait=60.0)
    at_home: dict[str, set[str]] = {}
    async with AsyncExitStack() as stack:
        for name in ("worker-1", "worker-2"):
            rig = make_rig(name=name, body=nothing)
            rig.loop.lanes = Lanes(with_models("a", "b"))
            await stack.enter_async_context(rig.beating())
            await stack.enter_async_context(rig.working())
        for n in range(40):
            model = "aab"[n % 3]
            await queue.enqueue([make_ticket(f"s{n:02}", at=n, models=[model])])
            ended = await log.until(f"s{n:02}", "completed")
            if n >= 6:  # by now they have settled
                at_home.setdefault(model, set()).add(ended.worker_id)
    assert [len(workers) for workers in at_home.values()] == [1, 1]
    assert at_home["a"] != at_home["b"]
