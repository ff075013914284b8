"""Look at dead letters and offer them again. At a terminal: ``emprops dead-letters``."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict

from emprops.auth.dependencies import OperatorCaller, ViewerCaller
from emprops.auth.once import Once
from emprops.errors import NotEnoughCreditsError
from emprops.jobs import dead_letter_store
from emprops.jobs.schemas import RetryView
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.paging import Paging
from emprops.kit.web.schema import Schema
from emprops.orchestrator.change.dead_letters import letter_of, offer_again
from emprops.orchestrator.endpoints.generations import Sending

routes = router(prefix="/dead-letters", tags=["dead letters"])

EXAMPLE: dict[str, Any] = {
    "step_id": "0192f3a4-0000-7000-8000-000000000003",
    "job_id": "0192f3a4-0000-7000-8000-000000000001",
    "step_name": "Paint",
    "job_type": "comfyui",
    "reason": "worker_lost",
    "failures": 0,
    "losses": 3,
    "attempts": 3,
    "error_message": "worker_lost: the step was lost by 3 workers in a row",
    "failed_at": "2026-01-10T12:03:00Z",
    "open": True,
}


class DeadLetterView(Schema):
    """A step that used up its limits."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": EXAMPLE})

    step_id: UUID
    job_id: UUID
    step_name: str
    """The step's name."""
    job_type: str
    reason: Literal["failures", "worker_lost"]
    failures: int
    losses: int
    """How often a worker vanished with it."""
    attempts: int
    error_message: str | None
    failed_at: datetime
    """When it was given up."""
    open: bool
    """Whether nothing has been done about it yet."""


class DeadLetterDetailView(DeadLetterView):
    """The same with what its workers were given."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": EXAMPLE
            | {
                "worker_id": "gpu-1-4711-3f2a1b",
                "requirements": {"models": ["flux.safetensors"]},
                "input_data": {"workflow": {"9": {"class_type": "SaveImage", "inputs": {}}}},
            }
        }
    )

    worker_id: str | None
    requirements: dict[str, Any]
    """What a worker must have for it."""
    input_data: dict[str, Any] | None
    """What its workers were given."""


@routes.get("")
async def list_dead_letters(_viewer: ViewerCaller, reader: Reader, page: Paging) -> Envelope[list[DeadLetterView]]:
    """List the steps that used up their limits and that nothing has been done about, newest first."""
    letters = await dead_letter_store.open_letters(reader, page)
    return ok([DeadLetterView.model_validate(letter) for letter in letters])


@routes.get("/{step_id}")
async def get_dead_letter(step_id: UUID, _viewer: ViewerCaller, reader: Reader) -> Envelope[DeadLetterDetailView]:
    """Read one, with what its workers were given."""
    return ok(DeadLetterDetailView.model_validate(await letter_of(reader, step_id)))


@routes.post(
    "/{step_id}/offer",
    responses=failures(_402=NotEnoughCreditsError(0.25, 0.1), _409="The job has completed, or was tried again."),
)
async def offer_dead_letter(
    step_id: UUID, operator: OperatorCaller, tx: Tx, resources: Shared, dispatcher: Sending, _once: Once = None
) -> Envelope[RetryView]:
    """Try the job of a dead letter again, once more even if its owner has no retries left."""
    job_id, retried = await offer_again(tx, step_id, resources.settings, dispatcher, actor=operator.actor)
    return ok(RetryView(jobId=job_id, retryAttempt=retried.attempt, message=retried.message))
