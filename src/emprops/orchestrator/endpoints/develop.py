"""Develop outputs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import ConfigDict, Field
from starlette.requests import Request

from emprops.assets.endpoints import shelf_of
from emprops.auth.dependencies import CurrentCaller, StartsWork
from emprops.auth.once import Once
from emprops.collections.schemas import DevelopType
from emprops.credits.service import terms_from
from emprops.errors import NotEnoughCreditsError
from emprops.jobs.schemas import ENDED_EXAMPLE, JobView
from emprops.jobs.waiting import Waiting
from emprops.kit.web.endpoint import Resources, Shared, Tx, entered, resources_of, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.prefer import APPLIED_HEADER
from emprops.kit.web.schema import Schema
from emprops.media.result_links import Naming
from emprops.moderation.moderator import MODERATOR
from emprops.moderation.verdicts import Cleared
from emprops.orchestrator.endpoints.bodies import StartRoute
from emprops.orchestrator.endpoints.generations import Sending
from emprops.orchestrator.start.develop import develop
from emprops.orchestrator.start.given import is_file_like, settled_files
from emprops.orchestrator.start.moderated import clear_development
from emprops.orchestrator.start.node_classes import NodeClassMissingError
from emprops.outputs import queries as outputs
from emprops.workflows.machines import Machines, live_machines

routes = router(prefix="/outputs", tags=["outputs"], route_class=StartRoute)


class DevelopBody(Schema):
    """What to develop an output with. Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "collection_id": "0192f3a4-0000-7000-8000-000000000021",
                "variables": {"aspect_ratio": "16:9", "duration": "5s"},
            }
        }
    )

    collection_id: str = Field(min_length=1, max_length=200)
    """The global collection's id, or its short name."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Further variables of the collection; setting the one that takes the source replaces it."""
    strict: bool = False
    """True: variables that the collection does not have are refused, not ignored with a warning."""


class DevelopCollection(Schema):
    """The global collection that develops."""

    id: UUID
    title: str
    input_type: DevelopType
    output_type: DevelopType


class SourceOutput(Schema):
    """The output that is developed."""

    id: UUID
    url: str
    """Where it can be fetched."""
    mime_type: str | None
    """The type of its content; null while it is not known."""


DEVELOPMENT_EXAMPLE: dict[str, Any] = {
    "job_id": "0192f3a4-0000-7000-8000-000000000001",
    "output_id": "0192f3a4-0000-7000-8000-000000000022",
    "output_ids": ["0192f3a4-0000-7000-8000-000000000022"],
    "status": "pending",
    "develop_collection": {
        "id": "0192f3a4-0000-7000-8000-000000000021",
        "title": "Image to Video",
        "input_type": "image",
        "output_type": "video",
    },
    "source_output": {
        "id": "0192f3a4-0000-7000-8000-000000000020",
        "url": "https://cdn.example.com/a.png",
        "mime_type": "image/png",
    },
    "warnings": [],
}


class DevelopmentFields(Schema):
    """What replies about a development have."""

    job_id: UUID
    """The job that makes it."""
    output_id: UUID
    """The new output."""
    develop_collection: DevelopCollection
    """The collection it is made with."""
    source_output: SourceOutput
    """The output it is made from."""
    warnings: list[str]
    """What was probably not meant, such as variables that the collection does not have."""


class DevelopmentView(DevelopmentFields):
    """A development that has begun."""

    model_config = ConfigDict(json_schema_extra={"example": DEVELOPMENT_EXAMPLE})

    output_ids: list[UUID]
    """All new outputs: a collection with several generations makes several."""
    status: Literal["pending"] = "pending"


class DevelopedJob(DevelopmentFields, JobView):
    """A development that has ended: its job, with what it was made from."""

    model_config = ConfigDict(json_schema_extra={"example": {**DEVELOPMENT_EXAMPLE, **ENDED_EXAMPLE}})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A development that may start, as far as can be seen before its transaction."""

    body: DevelopBody
    """With the files of its variables brought in."""
    cleared: Cleared
    machines: Machines


async def prepare(request: Request, output_id: UUID, body: DevelopBody, caller: CurrentCaller) -> Prepared:
    """Bring in, or find, the files that the variables name or hold: of whom the output belongs to; and have what was
    asked for checked. Of a request that is refused, no file is kept."""
    resources = resources_of(request)
    machines = await live_machines(request)
    variables = await entered(request, settled_variables(resources, output_id, body, caller.user_id))
    settled = body.model_copy(update={"variables": variables})
    cleared = await clear_development(
        resources, MODERATOR.of(request), caller.user_id, output_id, body.collection_id, variables
    )
    return Prepared(settled, cleared, machines)


@asynccontextmanager
async def settled_variables(
    resources: Resources, output_id: UUID, body: DevelopBody, user_id: UUID | None
) -> AsyncIterator[dict[str, Any]]:
    """Settle the files of the variables, for the length of the block; those that a service names belong to whom the
    output does."""
    if user_id is None and any(map(is_file_like, body.variables.values())):
        async with resources.database.reader() as reader:
            output = await outputs.output_of(reader, output_id)
        user_id = None if output is None else output.user_id
    if user_id is None:
        yield body.variables
        return
    async with settled_files(shelf_of(resources), user_id, body.collection_id, body.variables) as variables:
        yield variables


Preparing = Annotated[Prepared, Depends(prepare)]
"""Declare it before the transaction, which should not be open while Redis or moderation is asked."""


@routes.post(
    "/{output_id}/develop",
    dependencies=[StartsWork],
    status_code=202,
    response_model=Envelope[DevelopmentView],
    responses={
        200: {
            "model": Envelope[DevelopedJob],
            "description": "With `wait`: the job has ended in time.",
            "headers": APPLIED_HEADER,
        },
        202: {"headers": APPLIED_HEADER},
        **failures(
            _400="Image to Video develops image outputs, and this one is video/mp4; choose a collection whose"
            " input_type fits.",
            _402=NotEnoughCreditsError(0.25, 0.1),
            _409=NodeClassMissingError("Upscale", ["FaceDetailer"]),
        ),
    },
)
async def develop_output(
    output_id: UUID,
    prepared: Preparing,
    caller: CurrentCaller,
    waiting: Waiting,
    tx: Tx,
    resources: Shared,
    results: Naming,
    dispatcher: Sending,
    _once: Once,
) -> Any:
    """Start making a new output from one of the caller's completed ones, with a global collection, in the same deck.

    Costs what generating with that collection costs. With `wait`, the answer comes when the job has ended, and has the
    job in addition; if that takes longer, it is the same as without.
    """
    developing = await develop(
        tx,
        caller.user_id,
        output_id,
        collection_ref=prepared.body.collection_id,
        variables=prepared.body.variables,
        strict=prepared.body.strict,
        key_id=caller.key_id,
        cleared=prepared.cleared,
        terms=terms_from(resources.settings),
        machines=prepared.machines,
        dispatcher=dispatcher,
    )
    waiting.started(is_new=True)
    source, collection = developing.source, developing.collection
    source_url, _ = results.of_output(source.url, None, source.flat_file_id)
    return ok(
        {
            "job_id": developing.started.job_id,
            "output_id": developing.started.output_ids[0],
            "output_ids": developing.started.output_ids,
            "status": "pending",
            "develop_collection": {
                "id": collection.id,
                "title": collection.title,
                "input_type": collection.input_type,
                "output_type": collection.output_type,
            },
            "source_output": {"id": source.id, "url": source_url, "mime_type": source.mime_type},
            "warnings": developing.started.warnings,
        }
    )
