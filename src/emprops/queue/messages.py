"""What crosses the wire between orchestrator, Redis and workers: tickets out, reports back."""

from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from emprops.queue import bounds


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a worker must have to run a step (the contract's ``requirements``; all of them, not any)."""

    models: tuple[str, ...] = ()
    custom_nodes: tuple[str, ...] = ()
    connector_capabilities: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> "Requirements":
        """Read the contract's JSON form; unknown keys are ignored."""
        data = data or {}
        capabilities = data.get("connector_capabilities") or {}
        return cls(
            models=tuple(sorted(set(data.get("models") or ()))),
            custom_nodes=tuple(sorted(set(data.get("custom_nodes") or ()))),
            connector_capabilities=tuple(sorted((str(k), str(v)) for k, v in capabilities.items())),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the contract's JSON form."""
        return {
            "models": list(self.models),
            "custom_nodes": list(self.custom_nodes),
            "connector_capabilities": dict(self.connector_capabilities),
        }


NOTHING = Requirements()


@dataclass(frozen=True, slots=True)
class WorkflowContext:
    """Where a step stands in its job (the contract's ``workflow_context``). ``workflow_id`` is the job's id."""

    workflow_id: str
    workflow_priority: int
    workflow_datetime: int
    """Creation time of the job, Unix milliseconds: the second sort key of the queue."""
    total_steps: int
    current_step: int
    """1-based."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a step may fail or be lost, and how long one run may take (seconds)."""

    max_failures: int = 3
    max_lost_claims: int = 3
    max_run_time: float = 1800.0


USUAL = Limits()
LIMITS = frozenset(Limits.__dataclass_fields__)


def _limits(data: dict[str, Any] | None) -> Limits:
    return Limits(**{name: value for name, value in data.items() if name in LIMITS}) if data else USUAL


def _requirements(data: dict[str, Any] | None) -> Requirements:
    if not data:
        return NOTHING
    models, nodes = data.get("models") or (), data.get("custom_nodes") or ()
    capabilities = data.get("connector_capabilities") or ()
    return Requirements(tuple(models), tuple(nodes), tuple((key, value) for key, value in capabilities))


@dataclass(frozen=True, slots=True)
class Ticket:
    """One step, ready to run. ``(id, run)`` identifies it: enqueueing the same pair twice is a no-op."""

    id: str
    job_type: str
    payload: dict[str, Any]
    workflow_context: WorkflowContext
    requirements: Requirements = NOTHING
    run: int = 1
    attempts_before: int = 0
    """Attempts that an earlier life of this ticket had, so that attempt numbers never repeat after Redis was lost."""
    limits: Limits = USUAL
    trace: str = ""
    """W3C ``traceparent`` of the request that started the job, or empty."""
    user: str = field(default="", compare=False)
    """Whose turn it is taken in; tickets without an owner are as those of one user. Not sent to workers."""
    weight: int = field(default=1, compare=False)
    """How many of the user's tickets are taken in one turn. Not sent to workers."""

    def to_bytes(self) -> bytes:
        """Encode for the wire, without what :meth:`from_json` takes for granted."""
        context = self.workflow_context  # a dict, as orjson takes three times as long for a dataclass
        data = {
            "id": self.id,
            "job_type": self.job_type,
            "payload": self.payload,
            "workflow_context": {
                "workflow_id": context.workflow_id,
                "workflow_priority": context.workflow_priority,
                "workflow_datetime": context.workflow_datetime,
                "total_steps": context.total_steps,
                "current_step": context.current_step,
            },
        }
        told = {name: value for name, usual in USUAL_TICKET.items() if (value := getattr(self, name)) != usual}
        return orjson.dumps(data | told)

    def to_json(self) -> dict[str, Any]:
        """Return all that a worker is told, in the form of :meth:`from_json`."""
        return {**orjson.loads(orjson.dumps(USUAL_TICKET)), **orjson.loads(self.to_bytes())}

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Ticket":
        """Decode; fields this version does not know are ignored."""
        return cls.from_json(orjson.loads(raw))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Ticket":
        """Read what :meth:`to_bytes` and :meth:`to_json` write."""
        context = data["workflow_context"]
        return cls(
            id=data["id"],
            job_type=data["job_type"],
            payload=data["payload"],
            workflow_context=WorkflowContext(
                workflow_id=context["workflow_id"],
                workflow_priority=context["workflow_priority"],
                workflow_datetime=context["workflow_datetime"],
                total_steps=context["total_steps"],
                current_step=context["current_step"],
            ),
            requirements=_requirements(data.get("requirements")),
            run=data.get("run", 1),
            attempts_before=data.get("attempts_before", 0),
            limits=_limits(data.get("limits")),
            trace=data.get("trace", ""),
        )


MAY_LACK = ("requirements", "run", "attempts_before", "limits", "trace")
USUAL_TICKET = {name: Ticket.__dataclass_fields__[name].default for name in MAY_LACK}
"""What a reader takes for granted where a ticket does not say it, in this and in other versions."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to run a ticket and report on it, until the lease ends. The token is the fence."""

    ticket: Ticket
    token: str
    attempt: int
    """1, 2, 3 …: never reused for the same step and run."""
    waited: float = 0.0
    """Seconds that the ticket had waited to be claimed; 0 if it is handed out again because a reply was lost."""
    remembered: dict[str, Any] | None = None
    """What an earlier attempt remembered of work that it began and did not see the end of."""

    @property
    def files_prefix(self) -> str:
        """What the storage keys of this claim's results begin with."""
        return files_prefix(self.ticket.workflow_context.workflow_id, self.ticket.id, self.attempt, self.token)


def files_prefix(job_id: str, step_id: str, attempt: int, token: str) -> str:
    """Return the beginning of a claim's storage keys. Attempt and token are in it: a worker that was paused and comes
    back never overwrites what the one after it stored."""
    return f"generations/{job_id}/{step_id}-{attempt}-{token[:8]}-"  # a folder for each job: making one is slow


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A result file, already in storage when it is reported."""

    key: str
    """Storage key, relative: ``generations/…``."""
    mime_type: str
    size: int
    sha256: str
    name: str = ""
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    """Seconds, for video and audio."""
    thumbnail_key: str | None = None
    node: str | None = None
    """Which node of a graph made it, where that means something."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "StoredFile":
        """Decode within :mod:`~emprops.queue.bounds`; unknown fields are ignored."""
        node = data.get("node")
        return cls(
            key=data["key"],
            mime_type=bounds.media_type(data["mime_type"]),
            size=data["size"],
            sha256=data["sha256"],
            name=bounds.line(data.get("name", ""), bounds.MAX_FILE_NAME),
            width=bounds.side(data.get("width")),
            height=bounds.side(data.get("height")),
            duration=bounds.duration(data.get("duration")),
            thumbnail_key=data.get("thumbnail_key"),
            node=None if node is None else bounds.line(node, bounds.MAX_NODE),
        )


FailureKind = Literal["retryable", "final", "bad_input"]


@dataclass(frozen=True, slots=True)
class Finished:
    """How one attempt ended, as the worker tells it. ``failure`` None means success."""

    files: tuple[StoredFile, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    """Small JSON results: text, usage, seeds."""
    failure: FailureKind | None = None
    error: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    """Machine-readable facts about a failure (node id, provider code …)."""
    retry_after: float | None = None
    """Seconds that a provider asked us to wait before the next attempt."""
    trace: str = ""
    """W3C ``traceparent`` of the run, or empty."""

    def to_bytes(self) -> bytes:
        """Encode for the wire."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Finished":
        """Decode within :mod:`~emprops.queue.bounds`, as a worker of another version may have written it; unknown
        fields are ignored. Data that cannot be stored are left out: the files are there, and are the result."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["files"] = tuple(StoredFile.from_json(file) for file in data.get("files", ()))
        try:
            known["data"] = bounds.data(data.get("data", {}))
        except bounds.OutOfBoundsError as error:
            known["data"] = {"omitted": str(error)}
        known["error"] = bounds.line(data.get("error", ""), bounds.MAX_ERROR)
        known["details"] = bounds.details(data.get("details", {}))
        known["retry_after"] = bounds.wait(data.get("retry_after"))
        # for those who watch: whatever a worker says there, its result is to be recorded
        known["trace"] = known["trace"][:100] if isinstance(known.get("trace"), str) else ""
        return cls(**known)


MAX_PREVIEW_BYTES = 40 * 1024
PREVIEW_TYPES = frozenset({"image/jpeg", "image/webp", "image/png", "text/plain"})


@dataclass(frozen=True, slots=True)
class Preview:
    """A look at what a step is making: a small picture, or the text so far. At most :data:`MAX_PREVIEW_BYTES`."""

    content: bytes
    mime_type: str
    """One of :data:`PREVIEW_TYPES`."""
    node: str = ""
    """Which node of a graph is making it, where that means something."""


ReportKind = Literal["started", "progress", "completed", "failed", "retrying", "lost", "released"]


@dataclass(frozen=True, slots=True)
class Report:
    """One entry of the report stream: what Redis accepted about an attempt, in order."""

    entry_id: str
    """Id in the Redis stream."""
    kind: ReportKind
    step_id: str
    job_id: str
    run: int
    attempt: int
    worker_id: str
    at: int
    """Unix milliseconds, Redis' clock."""
    progress: float | None = None
    message: str = ""
    finished: Finished | None = None
    dead: dict[str, Any] | None = None
    """Why a failed step is a dead letter: ``reason`` (``failures`` or ``worker_lost``), ``failures``, ``losses``."""
    since: int | None = None
    """Unix milliseconds. Of a start: since when the ticket had waited; of an end that a worker told: when it began."""

    @property
    def seconds(self) -> float | None:
        """How long that was."""
        return None if self.since is None else max(0, self.at - self.since) / 1000
