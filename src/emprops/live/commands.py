"""What a client's messages do. Every message gets an answer, at once or with the next look."""

from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog
from pydantic import ValidationError

from emprops.auth import foreign
from emprops.errors import AppError, BadRequestError, ForbiddenError, NotFoundError, UnauthorizedError, UnavailableError
from emprops.jobs.change_store import lock
from emprops.jobs.mine.follow import MyJobs
from emprops.kit.database import Database
from emprops.kit.database_errors import UNAVAILABLE
from emprops.live.audience import Audience, Listener, check_room
from emprops.live.jobs import JobNews, Question
from emprops.live.messages import answer, failed
from emprops.live.mine import MySocket
from emprops.live.schemas import AboutJob, Incoming, Message, Mine
from emprops.orchestrator.change.cancel import cancel_job
from emprops.orchestrator.tickets import Dispatcher

log = structlog.get_logger(__name__)

TYPES = (
    "subscribe_job, unsubscribe_job, request_job_status, cancel_job, subscribe_mine, unsubscribe_mine, ping,"
    " heartbeat, resync_request"
)


@dataclass(frozen=True, slots=True)
class Commands:
    """What obeying takes."""

    database: Database
    dispatcher: Dispatcher
    audience: Audience
    jobs: JobNews
    my_jobs: MyJobs

    async def obey(self, listener: Listener, text: str) -> None:
        """Do what one message says. What cannot be done is told; nothing a client sends raises."""
        incoming: Message | None = None
        try:
            incoming = _read(text)
            if isinstance(incoming, AboutJob):
                await self._about_job(listener, incoming)
            elif isinstance(incoming, Mine):
                self._follow_mine(listener, incoming)
            elif incoming.type == "unsubscribe_mine":
                self.leave_mine(listener)
                listener.tell(answer("mine_unsubscribed", incoming.id))
            elif incoming.type == "resync_request":
                self.jobs.ask(Question(listener, "snapshot", reply_to=incoming.id))
            else:
                listener.tell(answer("heartbeat_ack", incoming.id))
        except AppError as error:
            about = {"job_id": incoming.job_id} if isinstance(incoming, AboutJob) else {}
            listener.tell(failed(error, None if incoming is None else incoming.id, **about))

    def _follow_mine(self, listener: Listener, incoming: Mine) -> None:
        if listener.caller.user_id is None:
            raise UnauthorizedError("Say for which user this is.")
        self.leave_mine(listener)
        listener.mine = MySocket(listener.outbox, listener.caller.user_id, incoming.previews, incoming.id)
        self.my_jobs.follow(listener.mine, incoming.since)

    def leave_mine(self, listener: Listener) -> None:
        """Let a connection hear of its user's jobs no more. Does nothing if it did not."""
        mine, listener.mine = listener.mine, None
        if mine is not None:
            self.my_jobs.leave(mine)

    async def _about_job(self, listener: Listener, incoming: AboutJob) -> None:
        job_id, reply_to = incoming.job_id, incoming.id
        if incoming.type in {"subscribe_job", "subscribe"}:
            check_room(listener, job_id)
            listener.jobs.add(job_id)
            self.jobs.ask(Question(listener, "subscription", job_id, reply_to))
        elif incoming.type in {"unsubscribe_job", "unsubscribe"}:
            self.audience.unsubscribe(listener, job_id)
            listener.tell(answer("job_unsubscribed", reply_to, job_id=job_id))
        elif incoming.type == "request_job_status":
            self.jobs.ask(Question(listener, "status", job_id, reply_to))
        else:
            await self._cancel(listener, job_id)
            listener.tell(answer("job_cancelled", reply_to, job_id=job_id))

    async def _cancel(self, listener: Listener, job_id: UUID) -> None:
        if not listener.may_change:
            raise ForbiddenError("This API key may only read; cancelling takes a key with the scope service.")
        caller = listener.caller
        if caller.user_id is None and not caller.is_service:
            raise NotFoundError("Job not found")
        try:
            async with self.database.transaction() as tx:
                job = await lock(tx, job_id, owner=None if caller.is_service else caller.user_id)
                if job is None:
                    raise NotFoundError("Job not found")
                await cancel_job(tx, job, self.dispatcher)
                await foreign.note_change(tx, caller, job.user_id, f"job:{job_id}", "cancel")
        except (*UNAVAILABLE, psycopg.errors.ReadOnlySqlTransaction) as error:
            log.warning("database unavailable", error=str(error))
            raise UnavailableError("The database is not available just now. Try again.") from None


def _read(text: str) -> Message:
    """Parse a message. Raises :class:`BadRequestError` with a sentence that says what is wrong with it."""
    try:
        return Incoming.validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
    if problem["type"] == "json_invalid":
        raise BadRequestError("The message is not valid JSON.")
    if problem["type"].startswith("union_tag"):
        raise BadRequestError(f"type: must be one of {TYPES}")
    field = str(problem["loc"][-1]) if len(problem["loc"]) > 1 else ""
    if not field:
        raise BadRequestError("The message must be a JSON object with a type.")
    raise BadRequestError(f"{field} is required" if problem["type"] == "missing" else f"{field}: {problem['msg']}")
