"""Lists and figures of everybody's jobs, for those who run the installation."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from emprops.auth import foreign
from emprops.auth.dependencies import ViewerCaller
from emprops.errors import BadRequestError
from emprops.jobs import figure_queries
from emprops.jobs.figure_schemas import JobCounts, SeriesPoint
from emprops.jobs.figures import LONGEST, Spanning, counts_json, series_json
from emprops.jobs.list_endpoints import Filtering, Included, in_utc, listed
from emprops.jobs.list_schemas import ListedJob
from emprops.kit.web.cursors import Listed, Seeking
from emprops.kit.web.endpoint import Tx, router
from emprops.kit.web.envelope import Envelope, reply
from emprops.media.result_links import Naming

routes = router(prefix="/operator/jobs", tags=["operators"])

Whose = Annotated[UUID | None, Query(description="Whose jobs; everybody's unless given.")]
USUAL: Final = timedelta(days=1)
MOST: Final = timedelta(days=LONGEST["hour"])


@routes.get("", response_model=Listed[ListedJob])
async def list_all_jobs(
    operator: ViewerCaller,
    tx: Tx,
    seek: Seeking,
    wanted: Filtering,
    results: Naming,
    user_id: Whose = None,
    include: Included = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List everybody's jobs, or one user's, newest first, each with its `user_id`."""
    await foreign.note_read(tx, operator, user_id, "jobs", "list")
    return await listed(tx, user_id, wanted, seek, include, results, with_user=True)


@routes.get("/counts", response_model=Envelope[JobCounts])
async def count_all_jobs(
    operator: ViewerCaller,
    tx: Tx,
    user_id: Whose = None,
    since: Annotated[
        datetime | None,
        Query(description="Count jobs that have ended if they were made since; 24 hours ago unless given."),
    ] = None,
) -> Response:
    """Count everybody's jobs by state: all open ones, and those that have ended of some time, 31 days at most. With
    `user_id` all of this user's."""
    if user_id is not None:
        await foreign.note_read(tx, operator, user_id, "jobs", "count")
        return reply(counts_json(await figure_queries.counts_of_user(tx, user_id), None))
    now = datetime.now(UTC)
    begin = in_utc("since", since) or now - USUAL
    if begin < now - MOST:
        raise BadRequestError(f"since may be {MOST.days} days ago; ask for less.")
    return reply(counts_json(await figure_queries.counts_of_all(tx, begin), begin))


@routes.get("/series", response_model=Envelope[list[SeriesPoint]])
async def get_series_of_all(operator: ViewerCaller, tx: Tx, span: Spanning, user_id: Whose = None) -> Response:
    """Return how everybody's jobs, or one user's, went by hour or day, in UTC."""
    if user_id is not None:
        await foreign.note_read(tx, operator, user_id, "jobs", "series")
    points = await figure_queries.series(tx, user_id, unit=span.unit, since=span.since, until=span.until)
    return reply(series_json(points))
