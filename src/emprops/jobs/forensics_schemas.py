"""The shape of the forensics reply, for the OpenAPI document; it is encoded by hand."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from emprops.jobs.schemas import EXAMPLE, HistoryRow, JobView, Status

FILE: dict[str, Any] = {
    "id": 12345,
    "url": "generations/0192f3a4/film.mp4",
    "mime_type": "video/mp4",
    "mux_asset_id": "1L3400tF301xX5bFw1vl9WOG71QZz02xy02hVFBU2ThZ7mE",
    "mux_playback_id": "7iwyZezQo4fjZoYPOMV9NWe1vuXMg6fE5lBKqQvnXOE",
    "name": "film.mp4",
    "size_bytes": 482013,
    "width": 1280,
    "height": 720,
    "duration": 5,
    "thumbnail_url": None,
    "step_id": "0192f3a4-0000-7000-8000-000000000005",
    "created_at": "2026-01-10T12:00:04.5Z",
}
TIMES: dict[str, Any] = {"waiting": 0.9, "running": 3.4, "total": 4.3}


class FlatFile(BaseModel):
    """A stored file of the job. ``url`` and ``thumbnail_url`` are keys in storage, as they are stored."""

    id: int
    url: str
    mime_type: str
    mux_asset_id: str | None
    mux_playback_id: str | None
    name: str
    size_bytes: int | None
    width: int | None
    height: int | None
    duration: float | None
    thumbnail_url: str | None
    step_id: UUID | None
    created_at: datetime


class Payload(BaseModel):
    """The job's data, with its files."""

    model_config = ConfigDict(extra="allow")

    flat_files: list[FlatFile] = Field(alias="_flat_files")
    """What its steps stored and its outputs show."""


class Timings(BaseModel):
    """Seconds, up to now for what is not over; null for what has not begun."""

    waiting: float | None
    running: float | None
    total: float | None


class ForensicOutput(BaseModel):
    """An output of the job, hidden or not."""

    id: UUID
    generation: int
    status: str
    url: str | None
    mime_type: str | None
    flat_file_id: int | None
    deck_id: UUID | None
    source_output_id: UUID | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None


class ForensicStep(BaseModel):
    """A step of any attempt. Inputs and outputs of more than 16 KiB are null; their sizes are told."""

    id: UUID
    retry_attempt: int
    step_order: int
    step_name: str
    step_type: str
    generation: int
    is_result: bool
    depends_on: list[UUID]
    status: Status
    progress: float
    run: int
    attempt: int
    worker_id: str | None
    error_message: str | None
    reused_from: UUID | None
    requirements: dict[str, Any]
    input_data: dict[str, Any] | None
    input_bytes: int | None
    output_data: dict[str, Any] | None
    output_bytes: int | None
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    timings: Timings


class RetryBackup(BaseModel):
    """How the job stood before a retry began."""

    retry_attempt: int
    previous_status: Status
    data: dict[str, Any]
    workflow_output: str | None
    error_message: str | None
    progress: float | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime


class TicketRecord(BaseModel):
    """A step's ticket in the queue. Times are Unix milliseconds."""

    step_id: UUID
    state: str
    run: int | None
    attempt: int | None
    failures: int | None
    max_failures: int | None
    lost: int | None
    max_lost: int | None
    worker: str | None
    avoid: str | None
    sig: str | None
    reason: str | None
    lease_until: int | None
    due_at: int | None


class Attestation(BaseModel):
    """How a run of a step ended, as Redis keeps it for 30 days."""

    model_config = ConfigDict(extra="allow")

    kind: str
    step_id: UUID
    run: int


class WorkerRecord(BaseModel):
    """A worker that had to do with the job, as it last described itself. Times are Unix milliseconds."""

    worker_id: str
    alive: bool
    machine_id: str | None
    status: str | None
    version: str | None
    started_at: int | None
    last_seen: int | None


class ForensicJob(JobView):
    """A job, and all that is known of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **EXAMPLE,
                "payload": {**EXAMPLE["data"], "_flat_files": [FILE]},
                "outputs": [],
                "steps": [],
                "retry_backups": [],
                "history": [],
                "queue": [],
                "attestations": [],
                "workers": [],
                "timings": TIMES,
            }
        }
    )

    payload: Payload
    outputs: list[ForensicOutput]
    steps: list[ForensicStep]
    retry_backups: list[RetryBackup]
    history: list[HistoryRow]
    """The newest 1,000 lines, oldest first."""
    queue: list[TicketRecord] | None
    attestations: list[Attestation] | None
    workers: list[WorkerRecord] | None
    timings: Timings


class ForensicsData(BaseModel):
    """The job, as every other reply has it."""

    job: ForensicJob


class ForensicsReply(BaseModel):
    """The job twice: in the envelope of every reply, and bare as the contract shows it."""

    data: ForensicsData
    error: None = None
    job: ForensicJob
