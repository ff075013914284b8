"""Lists of jobs: the caller's, and for services everybody's."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from emprops.auth import foreign
from emprops.auth.dependencies import CurrentCaller
from emprops.errors import BadRequestError, UnauthorizedError
from emprops.jobs.list_queries import JobFilter, count_jobs, job_places
from emprops.jobs.list_schemas import ListedJob
from emprops.jobs.row_queries import row_json, slim_jobs
from emprops.jobs.schemas import Status
from emprops.kit.database import Transaction
from emprops.kit.web.cursors import Listed, Seek, Seeking, reply_part
from emprops.kit.web.endpoint import Reader, router
from emprops.media.result_links import Naming, ResultLinks

routes = router(prefix="/jobs", tags=["jobs"])

Include = Literal["data"]
Included = Annotated[list[Include], Query(description="`data`: also what each job was asked for, and what it gave.")]


async def job_filter(
    status: Annotated[list[Status], Query(description="Only these; may be repeated.")] = [],  # noqa: B006 - FastAPI copies it
    collection_id: UUID | None = None,
    job_type: Annotated[str | None, Query(min_length=1, max_length=100, description="The type of job.")] = None,
    since: Annotated[datetime | None, Query(description="Made not before this time.")] = None,
    until: Annotated[datetime | None, Query(description="Made before this time.")] = None,
    q: Annotated[
        str,
        Query(
            max_length=200,
            description="Words, or beginnings of words, that all occur in the title of the collection, the prompt and"
            " the other variables of one of its outputs.",
            examples=["red fox"],
        ),
    ] = "",
    worker: Annotated[str | None, Query(min_length=1, max_length=200, description="Has run one of its steps.")] = None,
) -> JobFilter:
    """Read what a list of jobs is narrowed to. Raises :class:`BadRequestError` for times that there are not."""
    times = in_utc("since", since), in_utc("until", until)
    return JobFilter(tuple(status), collection_id, job_type, *times, q.strip() or None, worker)


def in_utc(name: str, time: datetime | None) -> datetime | None:
    """Return a time of a query in UTC, which it is in unless it says otherwise."""
    if time is None or time.tzinfo is None:
        return time and time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise BadRequestError(f"{name} is out of range.") from None


Filtering = Annotated[JobFilter, Depends(job_filter)]
"""What a list of jobs declares."""


@routes.get("", response_model=Listed[ListedJob])
async def list_jobs(
    caller: CurrentCaller,
    reader: Reader,
    seek: Seeking,
    wanted: Filtering,
    results: Naming,
    include: Included = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List the caller's jobs, newest first; for a service that names no user everybody's, each with its `user_id`."""
    if caller.user_id is None:
        if not caller.is_service:
            raise UnauthorizedError("Say for which user this is.")
        await foreign.note_service(reader, caller, None)
    return await listed(reader, caller.user_id, wanted, seek, include, results)


async def listed(
    reader: Transaction,
    user_id: UUID | None,
    wanted: JobFilter,
    seek: Seek,
    include: Sequence[Include],
    results: ResultLinks,
    *,
    with_user: bool = False,
) -> Response:
    """Answer with a part of a list of a user's jobs, or of everybody's (None), each with its ``user_id``."""
    places = await job_places(reader, user_id, wanted, seek)
    counted = await count_jobs(reader, user_id, wanted) if seek.count else None
    shown = [place.id for place in places[: seek.page.limit]]
    jobs = await slim_jobs(reader, shown, with_data="data" in include)
    named = with_user or user_id is None
    rows = [row_json(job, results) | ({"user_id": job.user_id} if named else {}) for job in jobs]
    return reply_part(places, rows, seek, counted)
