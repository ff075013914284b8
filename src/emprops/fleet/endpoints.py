"""See the workers; pause and resume them. At a terminal: ``emprops workers``."""

from typing import Annotated

from fastapi import Depends, Path

from emprops.auth.dependencies import OperatorCaller, ViewerCaller
from emprops.fleet.schemas import PauseView, WorkerView
from emprops.fleet.service import Concerned, Maintenance
from emprops.kit.web.endpoint import Shared, router
from emprops.kit.web.envelope import Envelope, ok

routes = router(tags=["fleet"])

Name = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[\w.:-]+$")]


async def _maintenance(resources: Shared) -> Maintenance:
    return Maintenance(resources.database, resources.redis, resources.settings.queue_prefix)


Workers = Annotated[Maintenance, Depends(_maintenance)]


@routes.get("/workers")
async def list_workers(_viewer: ViewerCaller, workers: Workers) -> Envelope[list[WorkerView]]:
    """List the live workers: those heard of within two minutes."""
    return ok([WorkerView.model_validate({**info.shown(), "paused_by": by}) for info, by in await workers.workers()])


@routes.post("/workers/pause", operation_id="pauseAllWorkers")
async def pause_all(operator: OperatorCaller, workers: Workers) -> Envelope[PauseView]:
    """Let no worker claim anything, also none that starts later. What runs goes on."""
    return _answer(await workers.pause("all", actor=operator.actor))


@routes.post("/workers/resume", operation_id="resumeAllWorkers")
async def resume_all(operator: OperatorCaller, workers: Workers) -> Envelope[PauseView]:
    """End every pause there is, of single workers and machines too."""
    return _answer(await workers.resume("all", actor=operator.actor))


@routes.post("/workers/{worker_id}/pause")
async def pause_worker(worker_id: Name, operator: OperatorCaller, workers: Workers) -> Envelope[PauseView]:
    """Let a live worker claim nothing more, until it is resumed or its process ends."""
    return _answer(await workers.pause("worker", worker_id, actor=operator.actor))


@routes.post("/workers/{worker_id}/resume")
async def resume_worker(worker_id: Name, operator: OperatorCaller, workers: Workers) -> Envelope[PauseView]:
    """End the pause of a worker. That of its machine, or of all, still holds it."""
    return _answer(await workers.resume("worker", worker_id, actor=operator.actor))


@routes.post("/machines/{machine_id}/pause")
async def pause_machine(machine_id: Name, operator: OperatorCaller, workers: Workers) -> Envelope[PauseView]:
    """Let the workers of a machine claim nothing, also those that start there later."""
    return _answer(await workers.pause("machine", machine_id, actor=operator.actor))


@routes.post("/machines/{machine_id}/resume")
async def resume_machine(machine_id: Name, operator: OperatorCaller, workers: Workers) -> Envelope[PauseView]:
    """End the pause of a machine."""
    return _answer(await workers.resume("machine", machine_id, actor=operator.actor))


def _answer(concerned: Concerned) -> Envelope[PauseView]:
    return ok(PauseView.model_validate(concerned, from_attributes=True))
