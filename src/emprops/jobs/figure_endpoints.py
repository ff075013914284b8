"""Figures of one's own jobs. ``operators`` has those of everybody's."""

from starlette.responses import Response

from emprops.auth.dependencies import CurrentUser
from emprops.jobs import figure_queries
from emprops.jobs.figure_schemas import JobCounts, SeriesPoint
from emprops.jobs.figures import Spanning, counts_json, series_json
from emprops.kit.web.endpoint import Reader, router
from emprops.kit.web.envelope import Envelope, reply

routes = router(prefix="/jobs", tags=["jobs"])


@routes.get("/counts", response_model=Envelope[JobCounts])
async def count_my_jobs(user_id: CurrentUser, reader: Reader) -> Response:
    """Count the caller's jobs by state."""
    return reply(counts_json(await figure_queries.counts_of_user(reader, user_id), None))


@routes.get("/series", response_model=Envelope[list[SeriesPoint]])
async def get_my_series(user_id: CurrentUser, reader: Reader, span: Spanning) -> Response:
    """Return how the caller's jobs went by hour or day, in UTC: a point for each, by when the jobs were asked for."""
    points = await figure_queries.series(reader, user_id, unit=span.unit, since=span.since, until=span.until)
    return reply(series_json(points))
