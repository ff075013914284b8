"""Whether what somebody asks for may start. Asked before the request's transaction begins: a verdict may take seconds,
and no connection to the database is held meanwhile."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from emprops.collections import service as collections
from emprops.collections.store import Collection
from emprops.errors import ForbiddenError
from emprops.jobs import store as jobs
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Resources
from emprops.moderation import store
from emprops.moderation.moderator import Moderator
from emprops.moderation.verdicts import NOTHING_TO_CHECK, Cleared, Question, seen_in
from emprops.orchestrator.questions import about_start
from emprops.orchestrator.start.develop import prepare
from emprops.orchestrator.start.origin import origin_of
from emprops.orchestrator.start.plan import Plan
from emprops.orchestrator.start.planning import plan_with_workflows


class ModerationBlockedError(ForbiddenError):
    """What was asked for is not allowed here; the sentence says why."""

    code = "moderation_blocked"


async def clear_generation(
    resources: Resources, moderator: Moderator, user_id: UUID, collection_ref: str, variables: Mapping[str, Any]
) -> Cleared:
    """Have a generation checked. Raises :class:`ModerationBlockedError`,
    :class:`~emprops.moderation.moderator.ModerationAwayError`, and what planning it raises."""
    if not moderator.on:
        return NOTHING_TO_CHECK
    async with resources.database.reader() as reader:
        collection = await collections.get_runnable(reader, user_id, collection_ref)
        question, origin = await _question(reader, user_id, collection, variables)
        own = await store.stages_of(reader, collection.id)
    return await _clear(moderator, question, own, origin)


async def clear_development(
    resources: Resources,
    moderator: Moderator,
    owner: UUID | None,
    output_id: UUID,
    collection_ref: str,
    variables: Mapping[str, Any],
) -> Cleared:
    """The same of a development."""
    if not moderator.on:
        return NOTHING_TO_CHECK
    async with resources.database.transaction() as tx:  # it may wait for a transfer of custody
        prepared = await prepare(tx, owner, output_id, collection_ref, dict(variables))
        question, origin = await _question(tx, prepared.source.user_id, prepared.collection, prepared.variables)
        own = await store.stages_of(tx, prepared.collection.id)
    return await _clear(moderator, question, own, origin)


async def clear_retry(resources: Resources, moderator: Moderator, owner: UUID | None, job_id: UUID) -> Cleared:
    """The same of the next attempt of a job; one that is not there, or not the owner's, is left to who retries it."""
    if not moderator.on:
        return NOTHING_TO_CHECK
    async with resources.database.reader() as reader:
        job = await jobs.read_job(reader, job_id)
        if job is None or owner not in (None, job.user_id):
            return NOTHING_TO_CHECK
        question = await about_start(reader, job)
        own = await store.stages_of(reader, job.collection_id)
    return await _clear(moderator, question, own)


async def clear_plan(
    resources: Resources,
    moderator: Moderator,
    user_id: UUID,
    collection_id: UUID,
    variables: Mapping[str, Any],
    plan: Plan,
) -> Cleared:
    """The same of steps that the caller brings."""
    if not moderator.on:
        return NOTHING_TO_CHECK
    seen = seen_in([step.payload for step in plan.steps])
    async with resources.database.reader() as reader:
        own = await store.stages_of(reader, collection_id)
    question = Question("start", user_id, collection_id, variables, seen.texts, seen.files, whole=seen.whole)
    return await _clear(moderator, question, own)


async def _question(
    tx: Transaction, user_id: UUID, collection: Collection, variables: Mapping[str, Any]
) -> tuple[Question, str]:
    plan, known = await plan_with_workflows(tx, collection, dict(variables))
    seen = seen_in([variables, *(step.payload for step in plan.steps)])
    question = Question("start", user_id, collection.id, variables, seen.texts, seen.files, whole=seen.whole)
    return question, origin_of(collection, known, variables)


async def _clear(moderator: Moderator, question: Question, own: list[str] | None, origin: str | None = None) -> Cleared:
    if not moderator.applies("start", own):
        origin = None
    else:
        verdict = await moderator.ask(question)
        if verdict.kind == "block":
            raise ModerationBlockedError(verdict.reason)
        if verdict.kind == "review":
            return Cleared("start_review", verdict.reason, origin)
    return Cleared("results" if moderator.applies("results", own) else None, origin=origin)
