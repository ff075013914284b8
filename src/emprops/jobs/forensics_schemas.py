"""The shape of the forensics reply, for the OpenAPI document; it is encoded by hand."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from emprops.jobs.schemas import EXAMPLE, HistoryRow, JobFields, Status
from emprops.kit.web.schema import Schema

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


class FlatFile(Schema):
    """A stored file of the job. ``url`` and ``thumbnail_url`` are keys in storage, as they are stored."""

    id: int
    url: str
    """Its key in storage."""
    mime_type: str
    mux_asset_id: str | None
    """Its asset at Mux; null if it has none."""
    mux_playback_id: str | None
    """What players at Mux show it by."""
    name: str
    """What its service called it."""
    size_bytes: int | None
    """Its size."""
    width: int | None
    height: int | None
    duration: float | None
    thumbnail_url: str | None
    """Key of a small picture; null if there is none."""
    step_id: UUID | None
    created_at: datetime


class ForensicPayload(Schema):
    """The job's data, with its files."""

    model_config = ConfigDict(extra="allow")

    flat_files: list[FlatFile] = Field(alias="_flat_files")
    """What its steps stored and its outputs show."""


class Timings(Schema):
    """Seconds, up to now for what is not over; null for what has not begun."""

    waiting: float | None
    """Until it began."""
    running: float | None
    """While it ran."""
    total: float | None
    """Both."""


class ForensicOutput(Schema):
    """An output of the job, hidden or not."""

    id: UUID
    generation: int
    """Which generation of the job it shows, from 0."""
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


class ForensicStep(Schema):
    """A step of any attempt. Inputs and outputs of more than 16 KiB are null; their sizes are told."""

    id: UUID
    retry_attempt: int
    """Which attempt of the job it belongs to, from 0."""
    step_order: int
    """Its place in the job, from 1."""
    step_name: str
    """Its name in the collection."""
    step_type: str
    """What kind of work it is."""
    generation: int
    """Which generation it belongs to, from 0."""
    is_result: bool
    """Whether what it makes is a result of the job."""
    depends_on: list[UUID]
    """Steps whose results it needs."""
    status: Status
    progress: float
    """Percent."""
    run: int
    attempt: int
    """The worker's try, from 1; 0 before the first."""
    worker_id: str | None
    error_message: str | None
    reused_from: UUID | None
    """The step of an earlier attempt whose result it took over."""
    requirements: dict[str, Any]
    """What a worker must have for it."""
    input_data: dict[str, Any] | None
    """What its worker is given."""
    input_bytes: int | None
    """Size of `input_data`."""
    output_data: dict[str, Any] | None
    """What it gave."""
    output_bytes: int | None
    """Size of `output_data`."""
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None
    """When its ticket went out."""
    started_at: datetime | None
    completed_at: datetime | None
    timings: Timings
    """How long it waited and ran."""


class RetryBackup(Schema):
    """How the job stood before a retry began."""

    retry_attempt: int
    """Which retry it was, from 1."""
    previous_status: Status
    """The job's state before."""
    data: dict[str, Any]
    """The job's data before."""
    workflow_output: str | None
    """URL of the final result before."""
    error_message: str | None
    progress: float | None
    """Percent."""
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    """When the retry began."""


class TicketRecord(Schema):
    """A step's ticket in the queue. Times are Unix milliseconds."""

    step_id: UUID
    state: str
    """`waiting`, `claimed`, `delayed` or `dead`."""
    run: int | None
    attempt: int | None
    failures: int | None
    max_failures: int | None
    """How many failures are allowed."""
    lost: int | None
    """How often a worker lost it."""
    max_lost: int | None
    """How often that is allowed."""
    worker: str | None
    """Who has it."""
    avoid: str | None
    """Who should not get it next."""
    sig: str | None
    """What it requires, as a digest."""
    reason: str | None
    """Why it was given up."""
    lease_until: int | None
    """When the claim lapses."""
    due_at: int | None
    """When it is tried again."""


class Attestation(Schema):
    """How a run of a step ended, as Redis keeps it for 30 days."""

    model_config = ConfigDict(extra="allow")

    kind: str
    """`completed` or `failed`."""
    step_id: UUID
    run: int


class WorkerRecord(Schema):
    """A worker that had to do with the job, as it last described itself. Times are Unix milliseconds."""

    worker_id: str
    alive: bool
    """Whether it was heard of within two minutes."""
    machine_id: str | None
    status: str | None
    version: str | None
    started_at: int | None
    """When its process started."""
    last_seen: int | None


FORENSIC_EXAMPLE: dict[str, Any] = {
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


class ForensicJob(JobFields):
    """A job, and all that is known of it."""

    model_config = ConfigDict(json_schema_extra={"example": FORENSIC_EXAMPLE})

    payload: ForensicPayload
    """The job's data, with its files."""
    outputs: list[ForensicOutput]
    """Its outputs."""
    steps: list[ForensicStep]
    """Steps of all attempts."""
    retry_backups: list[RetryBackup]
    """How it stood before each retry."""
    history: list[HistoryRow]
    """The newest 1,000 lines, oldest first."""
    queue: list[TicketRecord] | None
    """Tickets of its steps; null while Redis does not answer."""
    attestations: list[Attestation] | None
    """How its steps ended, as Redis says; null while it does not answer."""
    workers: list[WorkerRecord] | None
    """Workers that had to do with it; null while Redis does not answer."""
    timings: Timings
    """How long it waited and ran."""


class ForensicsData(Schema):
    """The job, as every other reply has it."""

    job: ForensicJob
    """The job, and all that is known of it."""


class ForensicsReply(Schema):
    """The job twice: in the envelope of every reply, and bare as the contract shows it."""

    data: ForensicsData
    """As in every other reply."""
    error: None = None
    """Null: nothing went wrong."""
    job: ForensicJob
    """The same job, as the contract shows it."""
