"""What is asked for when a job starts, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from emprops.collections.store import Collection
from emprops.moderation.verdicts import NOTHING_TO_CHECK, Cleared
from emprops.orchestrator.start.plan import Plan
from emprops.outputs import job_results as outputs
from emprops.workflows.machines import NO_MACHINES, Machines


@dataclass(frozen=True, slots=True)
class Parent:
    """The output that a job develops."""

    output_id: UUID
    destination: outputs.Destination
    """What the job makes goes where that one is."""
    metadata: dict[str, Any]
    """What the new outputs keep of it in their ``input_metadata``, next to the variables."""


@dataclass(frozen=True, slots=True)
class Direct:
    """What a caller brings to be run, planned already; the collection is only where it belongs."""

    job_type: str
    plan: Plan
    data: Mapping[str, Any]
    """What the job keeps of it, in addition to what every job has."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a caller asks for."""

    variables: dict[str, Any]
    priority: int = 50
    workflow_id: str | None = None
    create_output: bool = True
    output_id: UUID | None = None
    source: str = "direct_api"
    parent: Parent | None = None
    """Set if this develops an output."""
    strict: bool = False
    """Variables that the collection does not have are an error, not a warning."""
    key_id: UUID | None = None
    """The API key that came with the request."""
    generations: int | None = None
    """How many, if not as many as the collection says."""
    cleared: Cleared = NOTHING_TO_CHECK
    """What moderation said of it."""
    machines: Machines = field(default=NO_MACHINES, repr=False)
    """Those that live; what no machine can run is refused, see :mod:`emprops.orchestrator.start.node_classes`."""
    direct: Direct | None = None
    """Set if the caller brings what is to be run."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the job keeps of it, in addition to what every job has."""
    trace: str = ""
    """W3C ``traceparent`` of what starts the job, or empty."""

    @property
    def job_type(self) -> str:
        """What the job is called by programs."""
        if self.direct is not None:
            return self.direct.job_type
        return "collection_generation" if self.parent is None else "develop"

    def name(self, collection: Collection) -> str:
        """What the job is called by people."""
        if self.direct is not None:
            return collection.title
        return f"{'Collection Generation' if self.parent is None else 'Develop Output'}: {collection.title}"


@dataclass(frozen=True, slots=True)
class Ask:
    """A user who asks for a generation."""

    user_id: UUID
    collection_ref: str
    request: GenerationRequest
    fresh_id: UUID
    """The job's id, if the request chooses none."""

    @property
    def likely_job_id(self) -> UUID:
        """The id that the job will have, unless what the request chooses turns out to name a workflow."""
        return as_job_id(self.request.workflow_id) or self.fresh_id


@dataclass(frozen=True, slots=True)
class Started:
    """What a start gave: the job and its outputs."""

    job_id: UUID
    output_ids: tuple[UUID, ...]
    """One per generation, in order; none if the job shows in no deck."""
    warnings: tuple[str, ...] = ()
    """What the caller probably did not mean."""
    is_new: bool = True
    """False: it was started before, under the id that was asked for."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A new job of a user who exists, from a collection that they may run."""

    job_id: UUID
    user_id: UUID
    collection: Collection
    request: GenerationRequest
    selector: str | None = None
    """The workflow that the caller named, kept in the job's data."""


def as_job_id(text: str | None) -> UUID | None:
    """Return the job id that a request's ``workflow_id`` may be."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
