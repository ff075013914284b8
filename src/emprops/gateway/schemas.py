"""The shapes of what workers send and get. All of it is a stranger's: bounded here, and cut where a text may be long.

Fields that this version does not know are ignored, so that a newer worker can talk to an older api.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Base64Bytes,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from emprops.gateway.identity import NAME, REQUEST, TOKEN
from emprops.kit.web.schema import Schema
from emprops.queue import bounds
from emprops.queue.messages import MAX_PREVIEW_BYTES

MAX_NUMBER = 2**53


def cut(length: int) -> AfterValidator:
    """Make what shortens a text and takes control characters out."""
    return AfterValidator(lambda text: bounds.line(text, length))


Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Field(examples=["gpu-1-4711-a1b2c3"])]
Step = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
Token = Annotated[str, StringConstraints(pattern=f"^{TOKEN}$")]
Listed = Annotated[str, StringConstraints(max_length=bounds.MAX_NAME)]
Pixels = Annotated[int | None, BeforeValidator(bounds.side)]

_STEP = "0192f3a4-0000-7000-8000-000000000003"
_TOKEN = "5e" * 32
_ME = {"worker": "gpu-1-4711-a1b2c3"}
_CLAIM = {"step": _STEP, "token": _TOKEN}
_OFFERS = {"comfyui": {"models": ["sdxl.safetensors"], "custom_nodes": [], "connector_capabilities": {}}}


def _shown(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": example})


class WorkerBody(Schema):
    """What every call says."""

    model_config = _shown(**_ME)

    worker: Name
    """The name the worker gave itself when it started; no two processes with one key may have the same."""


class HelloBody(WorkerBody):
    """A worker's first words."""

    model_config = _shown(**_ME, protocol=1, version="0.1.0")

    protocol: int = Field(description="Version of this protocol that the worker speaks.")
    version: Annotated[str, cut(50)] = ""
    """The version of the worker's program."""


class WorkerTerms(Schema):
    """What holds for workers of this api."""

    protocol: int
    """Version of this protocol that the api speaks."""
    worker_id: str = Field(description="What the worker is called in the fleet.")
    lease: float = Field(description="Seconds that a claim lasts without a beat.")
    poll: float = Field(description="Longest time, in seconds, that a wait is answered after.")
    base_url: str = Field(description="What URLs of stored files begin with.")
    max_file_bytes: int
    """The largest result file that is taken."""


class OfferBody(Schema):
    """What a worker has for a job type; null where that kind of requirement is always met."""

    models: Annotated[list[Listed], Field(max_length=bounds.MAX_NAMES)] | None = None
    custom_nodes: Annotated[list[Listed], Field(max_length=bounds.MAX_NAMES)] | None = None
    connector_capabilities: dict[Listed, Listed] = Field(default_factory=dict, max_length=bounds.MAX_CAPABILITIES)


Offers = Annotated[
    dict[Annotated[str, StringConstraints(pattern=f"^{bounds.JOB_TYPE}$")], OfferBody],
    Field(max_length=bounds.MAX_JOB_TYPES),
]


class FileBody(Schema):
    """A result file, uploaded before; size and checksum are known from there."""

    key: Annotated[str, StringConstraints(max_length=500)]
    """Where it was stored."""
    mime_type: Annotated[str, AfterValidator(bounds.media_type)]
    name: Annotated[str, cut(bounds.MAX_FILE_NAME)] = ""
    """What the service called it."""
    width: Pixels = None
    height: Pixels = None
    duration: Annotated[float | None, BeforeValidator(bounds.duration)] = None
    node: Annotated[str, cut(bounds.MAX_NODE)] | None = None


class FinishedBody(Schema):
    """How an attempt ended; ``failure`` null: well."""

    files: list[FileBody] = Field(default_factory=list, max_length=bounds.MAX_FILES)
    """Result files, uploaded before."""
    data: dict[str, Any] = Field(default={}, description="Small JSON results: text, usage, seeds; at most 256 KB.")
    failure: Literal["retryable", "final", "bad_input"] | None = None
    """Whether to try again; null: the attempt went well."""
    error: Annotated[str, cut(bounds.MAX_ERROR)] = ""
    """Why it failed, in a sentence."""
    details: Annotated[dict[str, Any], AfterValidator(bounds.details)] = Field(default_factory=dict)
    """More about a failure."""
    retry_after: Annotated[float | None, BeforeValidator(bounds.wait)] = None
    """Seconds to wait before the next try."""
    trace: Annotated[str, cut(100)] = ""
    """W3C `traceparent` of the run, if it is traced."""


class ClaimBody(Schema):
    """A claim, by the step and the token it came with."""

    model_config = _shown(**_CLAIM)

    step: Step
    token: Token


class SettledBody(ClaimBody):
    """An attempt that ended."""

    model_config = _shown(**_CLAIM, run=1, finished={"data": {"text": "a harbour"}})

    run: Annotated[int, Field(ge=1, le=2**31)]
    finished: FinishedBody
    """How it ended."""


class TurnBody(WorkerBody):
    """What ended, and how much more is wanted."""

    model_config = _shown(**_ME, request="ab" * 16, want=1, offers=_OFFERS, finished=[])

    request: Annotated[str, StringConstraints(pattern=f"^{REQUEST}$")]
    """Chosen at random, and the same when this call is repeated because its answer was lost."""
    want: Annotated[int, Field(ge=0, le=bounds.MAX_CLAIMS)]
    """How many more steps the worker can run now."""
    offers: Offers
    """What the worker has, by job type."""
    finished: list[SettledBody] = Field(default_factory=list, max_length=bounds.MAX_CLAIMS)
    """Attempts that ended since the last call."""


class ClaimView(Schema):
    """A ticket to run."""

    ticket: dict[str, Any]
    """What to run, and with what."""
    token: str = Field(description="The claim's fence; it comes with all that is said about the claim.")
    attempt: int
    waited: float = Field(description="Seconds that the ticket had waited.")
    remembered: dict[str, Any] | None = Field(
        description="What an earlier attempt, with this key or over Redis, remembered of work that it began."
    )


class TurnView(Schema):
    """Answer of a turn."""

    claims: list[ClaimView]
    """Steps to run now."""
    late: list[str] = Field(description="Steps whose end was refused, because the claim had lapsed.")
    more: bool = Field(description="Whether there may be more to claim at once.")


class WaitBody(WorkerBody):
    """How long to wait for news."""

    model_config = _shown(**_ME, timeout=10)

    timeout: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]
    """Seconds to wait at most."""


class WaitView(Schema):
    """The news, if there was any."""

    wake: Literal["work", "cancel"] | None
    """There may be work, or a claim was cancelled; null: nothing happened."""


class MachineBody(WorkerBody):
    """A worker and the machine it is on."""

    machine: Name
    """The machine's name."""


class PreviewItem(Schema):
    """A look at what a step is making."""

    mime_type: Literal["image/jpeg", "image/png", "text/plain"]
    node: Annotated[str, cut(bounds.MAX_NODE)] = ""
    content: Annotated[Base64Bytes, Field(max_length=MAX_PREVIEW_BYTES)]
    """The picture or text, in base64."""


class BeatItem(ClaimBody):
    """A sign of life for one claim."""

    progress: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    """Percent; null: as before."""
    message: Annotated[str, cut(bounds.MAX_MESSAGE)] = ""
    """What it is doing, in a few words."""
    preview: PreviewItem | None = None
    """What it looks like so far."""
    remember: Annotated[dict[str, Any], AfterValidator(bounds.remembered)] | None = None
    """For the next attempt: what was begun at a service, at most 4 KiB; empty: nothing any more."""


class BeatBody(MachineBody):
    """Signs of life."""

    model_config = _shown(**_ME, machine="gpu-1", beats=[{**_CLAIM, "progress": 40, "message": "sampling"}])

    beats: Annotated[list[BeatItem], Field(max_length=bounds.MAX_CLAIMS)]
    """One for each claim the worker holds."""


class BeatView(Schema):
    """What became of the claims."""

    lost: list[str] = Field(description="Steps that are not this worker's any more: their work should stop.")


class ReleaseBody(WorkerBody):
    """Claims to hand back."""

    model_config = _shown(**_ME, claims=[_CLAIM])

    claims: Annotated[list[ClaimBody], Field(max_length=bounds.MAX_CLAIMS)]
    """Those to hand back."""


class ReleaseView(Schema):
    """How many were taken back."""

    released: int
    """How many."""


class AnnounceBody(MachineBody):
    """The worker's entry in the fleet."""

    model_config = _shown(
        **_ME, machine="gpu-1", offers=_OFFERS, info={"status": "idle", "concurrency": 1}, uptime_ms=None
    )

    offers: Offers
    """What the worker has, by job type."""
    info: dict[str, Any]
    """The other fields of the entry, as the version of the worker knows them."""
    uptime_ms: Annotated[int, Field(ge=0, le=MAX_NUMBER)] | None = None
    """With it, the machine's status is told as well."""


class MemberView(Schema):
    """What the worker is called."""

    worker_id: str
    """The worker's name in the fleet."""


class AnnouncedView(MemberView):
    """What the worker is called, and what the fleet asks of it."""

    paused: bool | None
    """Whether it should claim nothing for now; null: as before."""


class StoredFileView(Schema):
    """A file that is in storage now."""

    key: str
    """Where it is stored."""
    size: int
    """In bytes."""
    sha256: str
    """Its checksum, in hexadecimal."""
