"""What submitting, listing and cancelling mean: a job like any other, whose one step the caller brings."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from emprops.assets.references import named
from emprops.auth.store import ensure_user
from emprops.collections import projects
from emprops.collections import store as collections
from emprops.collections.store import Collection
from emprops.comfy_api import asset_service, graphs, planning, queries, store
from emprops.comfy_api.failures import CursorError, KeyReusedError, MissingAssetError
from emprops.comfy_api.schemas import KEY_HOURS, SubmitBody, keys_of, labels_of
from emprops.comfy_api.states import CANCELED, STATUS
from emprops.credits.service import Terms
from emprops.errors import NotFoundError
from emprops.jobs import change_store
from emprops.jobs.states import OPEN
from emprops.jobs.stream_queries import SHOWN
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.telemetry import tracing
from emprops.kit.web import idempotency
from emprops.media.storage import is_private, public_url
from emprops.moderation.verdicts import Cleared
from emprops.orchestrator.change.cancel import cancel_job
from emprops.orchestrator.start.plan import Plan
from emprops.orchestrator.start.request import Chosen, Direct, GenerationRequest
from emprops.orchestrator.start.start import run_collection
from emprops.orchestrator.tickets import Dispatcher
from emprops.policies import queries as policies
from emprops.queue import extras
from emprops.settings import Settings
from emprops.workflows.comfy_graph import Graph
from emprops.workflows.machines import Machines

ROUTE = "comfy_api_jobs"
"""Under which used keys are kept."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a caller asks for, its form checked."""

    graph: Graph
    labels: dict[str, str]
    keys: dict[str, str] = field(repr=False)
    """For nodes that call services of others; they go with the job and are not stored."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who submits."""

    user_id: UUID
    principal: str
    key_id: UUID | None
    """The API key that came with the request."""
    once: str | None
    """The idempotency key."""


def read_submission(body: SubmitBody) -> Submission:
    """Check the form of a request. Raises the errors of ``failures.py``."""
    body.check_fields()
    return Submission(graphs.checked(body.workflow), labels_of(body.metadata), keys_of(body.extra_data))


async def plan(
    reader: Transaction, settings: Settings, user_id: UUID, submission: Submission, machines: Machines
) -> Plan:
    """Plan the job. Raises :class:`MissingAssetError`, and what :func:`~emprops.comfy_api.planning.plan_of` raises."""
    wanted = graphs.assets_of(submission.graph)
    keys = await asset_service.keys_of(reader, user_id, wanted)
    missing = sorted(map(str, wanted - keys.keys()))
    if missing:
        raise MissingAssetError(
            f"There is no asset {', '.join(missing[:5])}, or it is not yours: upload the file, and refer to its id.",
            extra={"details": {"assets": missing}},
        )
    urls = {asset: named(asset) if is_private(key) else public_url(settings, key) for asset, key in keys.items()}
    rules = await policies.rules(reader)
    more = {extras.FIELD: True} if submission.keys else {}
    return planning.plan_of(submission.graph, urls, more, user_id=user_id, rules=rules, machines=machines)


async def submit(
    tx: Transaction,
    sender: Sender,
    submission: Submission,
    *,
    planned: Plan,
    cleared: Cleared,
    terms: Terms,
    dispatcher: Dispatcher,
) -> UUID:
    """Start the job; returns its id. Raises :class:`KeyReusedError`, and what starting any job raises."""
    key = sender.once
    if key is not None and not await idempotency.use_once(
        tx, principal=sender.principal, route=ROUTE, key=key, hours=KEY_HOURS
    ):
        raise KeyReusedError
    collection = await _collection_of(tx, sender.user_id)
    job_id = new_id()
    with tracing.span("generation.start", {"emprops.job_id": str(job_id)}):
        request = GenerationRequest(
            variables={"workflow": submission.graph},
            key_id=sender.key_id,
            cleared=cleared,
            direct=Direct(SHOWN, planned, {"metadata": submission.labels}),
            trace=tracing.current(),
        )
        chosen = Chosen(job_id, sender.user_id, collection, request)
        await run_collection(tx, chosen, terms=terms, dispatcher=dispatcher)
    if submission.keys:
        await extras.put(dispatcher.queue.redis, dispatcher.queue.prefix, str(job_id), submission.keys)
    return job_id


async def _collection_of(tx: Transaction, user_id: UUID) -> Collection:
    """Return the collection that the user's submissions belong to, made at the first one."""
    collection_id = planning.collection_id_of(user_id)
    collection = await collections.get(tx, collection_id)
    if collection is None:
        await ensure_user(tx, user_id)
        project_id = await projects.ensure_default(tx, user_id)
        await store.insert_collection(tx, collection_id, project_id, planning.TITLE, planning.EMPTY)
        collection = await collections.get(tx, collection_id)
    assert collection is not None  # noqa: S101 - it was made
    return collection


async def get_job(reader: Transaction, user_id: UUID, job_id: str) -> queries.JobRow:
    """Return one of the user's jobs. Raises :class:`~emprops.errors.NotFoundError`."""
    job = await queries.job_of(reader, user_id, id_of(job_id))
    if job is None:
        raise no_job()
    return job


async def cancel(tx: Transaction, user_id: UUID, job_id: str, dispatcher: Dispatcher) -> queries.JobRow:
    """Cancel one of the user's jobs; one that has ended stays as it is. Returns it."""
    await get_job(tx, user_id, job_id)
    standing = await change_store.lock(tx, id_of(job_id), owner=user_id)
    if standing is not None and standing.status in OPEN:
        await cancel_job(tx, standing, dispatcher)
    return await get_job(tx, user_id, job_id)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is narrowed to."""

    labels: dict[str, str]
    status: str | None
    cursor: str | None
    limit: int


async def list_jobs(reader: Transaction, user_id: UUID, wanted: Wanted) -> tuple[list[queries.JobRow], str | None]:
    """List the user's jobs, newest first; also the cursor of the next page, if there is one."""
    rows = await queries.list_jobs(
        reader,
        planning.collection_id_of(user_id),
        user_id,
        labels=wanted.labels,
        statuses=_statuses(wanted.status),
        cancelled=None if wanted.status is None else wanted.status == CANCELED,
        after=None if wanted.cursor is None else _place(wanted.cursor),
        limit=wanted.limit + 1,
    )
    page = rows[: wanted.limit]
    return page, _cursor(page[-1]) if len(rows) > wanted.limit else None


def _statuses(status: str | None) -> list[str] | None:
    if status is None:
        return None
    if status == CANCELED:
        return ["failed"]
    return [ours for ours, theirs in STATUS.items() if theirs == status]


def _cursor(job: queries.JobRow) -> str:
    return base64.urlsafe_b64encode(f"{job.created_at.isoformat()} {job.id}".encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime, UUID]:
    try:
        time, _, job_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        place = datetime.fromisoformat(time), UUID(job_id)
    except (ValueError, UnicodeError):
        raise CursorError from None
    if place[0].tzinfo is None:
        raise CursorError
    return place


def id_of(text: str) -> UUID:
    """Read an id of a path. Raises :class:`~emprops.errors.NotFoundError`: what is no id is the id of nothing."""
    try:
        return UUID(text)
    except ValueError:
        raise no_job() from None


def no_job() -> NotFoundError:
    """Return the error of a job that there is not, or that is not the caller's."""
    return NotFoundError("There is no such job.")
