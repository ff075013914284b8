"""``/metrics``, the queue as a whole, and the demand for workers."""

from typing import Annotated, Any

from fastapi import Depends, Header, Query
from starlette.responses import Response

from emprops.auth.dependencies import ViewerRoute
from emprops.kit.web.endpoint import Shared, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.parts import Part
from emprops.observe.demand import Choice, together
from emprops.observe.exposition import Exposition
from emprops.observe.schemas import DemandView, QueueView

routes = router(tags=["operations"], dependencies=[ViewerRoute])
queue_routes = router(prefix="/queue", tags=["operations"], dependencies=[ViewerRoute])

MOST_SHOWN = 200
"""Requirements, and workers, in one answer."""
Name = Annotated[str, Query(min_length=1, max_length=200)]
TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Metrics in Prometheus' text format, or in OpenMetrics' if that is preferred.",
        "content": {
            "text/plain": {"schema": {"type": "string"}, "example": "emprops_redis_up 1.0\n"},
            "application/openmetrics-text": {"schema": {"type": "string"}},
        },
    }
}


EXPOSITION: Part[Exposition] = Part("exposition")


Seen = Annotated[Exposition, Depends(EXPOSITION.depend)]


@routes.get("/metrics", response_class=Response, responses=TEXT)
async def get_metrics(
    exposition: Seen,
    resources: Shared,
    accept: Annotated[str, Header(max_length=1000, include_in_schema=False)] = "",
) -> Response:
    """Return what this process counted, and how queue, workers and database stand. For Prometheus."""
    text, content_type = await exposition.text(resources, accept)
    return Response(text, media_type=content_type)


@queue_routes.get("")
async def get_queue(exposition: Seen, resources: Shared) -> Envelope[QueueView]:
    """Show what waits and runs, by requirement, and the workers there are. Seen anew every two seconds."""
    sight = await exposition.lookout.get(resources)
    return ok(QueueView.of_sight(sight, together(sight.capabilities, sight.fleet), MOST_SHOWN))


@queue_routes.get("/demand", operation_id="getQueueDemand")
async def get_demand(
    exposition: Seen,
    resources: Shared,
    job_type: Name | None = None,
    model: Annotated[list[Name], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    custom_node: Annotated[list[Name], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
) -> Envelope[DemandView]:
    """Say how many workers are wanted: altogether, or for a job type and what needs at least these models and custom
    nodes. For autoscalers: `data.wanted_workers` is the number of workers that would run at once all that runs and may
    begin now. `limited` and `held_back` say what it leaves out. Seen anew every two seconds."""
    choice = Choice(job_type, tuple(model), tuple(custom_node))
    sight = await exposition.lookout.get(resources)
    chosen = [one for one in sight.capabilities if choice.takes(one.requirement)]
    demand = together(chosen, sight.fleet, also=choice.requirement())
    held_back = sight.queue.held_back
    left_out = sum(held_back.values()) if job_type is None else held_back.get(job_type, 0)
    return ok(DemandView.of(demand, chosen[:MOST_SHOWN], left_out))
