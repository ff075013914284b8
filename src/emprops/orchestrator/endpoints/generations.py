"""Start a generation; say what it would cost."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Path
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from emprops.assets.endpoints import shelf_of
from emprops.auth.caller import OPERATOR, Caller
from emprops.auth.dependencies import CurrentUser, StartsWork, current_caller
from emprops.auth.once import OnceAlone
from emprops.auth.reading import reads_only
from emprops.auth.roles import has_role
from emprops.collections import service as collections
from emprops.credits.amounts import to_number
from emprops.credits.part_schemas import STEP_EXAMPLE, StepPriceView
from emprops.credits.parts import step_json, stored_steps
from emprops.credits.service import available_to, terms_from
from emprops.errors import CollectionCorruptedError, NotEnoughCreditsError
from emprops.jobs.schemas import JobData
from emprops.jobs.waiting import Waiting
from emprops.kit.ids import new_id
from emprops.kit.web.endpoint import Reader, Shared, entered, note, resources_of, router
from emprops.kit.web.envelope import Envelope, failures, ok, reply
from emprops.kit.web.parts import Part
from emprops.kit.web.prefer import APPLIED_HEADER
from emprops.kit.web.schema import Schema
from emprops.moderation.moderator import MODERATOR, Moderator
from emprops.orchestrator.endpoints.bodies import StartRoute
from emprops.orchestrator.start.given import settle_files, settled_files
from emprops.orchestrator.start.moderated import clear_generation
from emprops.orchestrator.start.planning import plan_generation
from emprops.orchestrator.start.request import Ask, GenerationRequest
from emprops.orchestrator.start.together import STARTS, Starts
from emprops.orchestrator.tickets import Dispatcher
from emprops.workflows.machines import live_machines

routes = router(tags=["generation"], route_class=StartRoute)
legacy = router(tags=["generation"], route_class=StartRoute)
"""Older spellings, which the contract documents without ``/api``."""


DISPATCHER: Part[Dispatcher] = Part("dispatcher")
Sending = Annotated[Dispatcher, Depends(DISPATCHER.depend)]
Starting = Annotated[Starts, Depends(STARTS.depend)]
Moderating = Annotated[Moderator, Depends(MODERATOR.depend)]
CollectionRef = Annotated[str, Path(max_length=200, description="The collection's id, or its short name.")]


DEFAULT_PRIORITY = 50


class GenerateBody(Schema):
    """Request of a generation. Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"variables": {"prompt": "a quiet harbour at dawn"}, "workflow_priority": 50}}
    )

    variables: dict[str, Any]
    """Values of the collection's variables, by name; those that are not sent take their own. One that takes a file is
    set to a URL, the id of an asset or output of the caller's, or a `data:` URL of up to 8 MB."""
    workflow_id: str | None = Field(default=None, max_length=200)
    """Names a workflow, or is a UUID to use as the job's id: sent twice, it starts one job."""
    workflow_priority: Annotated[int | None, Field(ge=1, le=100, strict=True)] = DEFAULT_PRIORITY
    """The higher, the sooner; null means what leaving it out means. What only services and operators may ask for is
    lowered, with a warning."""
    create_output: bool = True
    """False: the job runs without showing in a deck."""
    output_id: UUID | None = None
    """A pending output of the caller's, made before, that this job completes."""
    strict: bool = False
    """True: variables that the collection does not have are refused, not ignored with a warning."""


STARTED_EXAMPLE: dict[str, Any] = {
    "jobId": "0192f3a4-0000-7000-8000-000000000001",
    "outputIds": ["0192f3a4-0000-7000-8000-000000000022"],
    "warnings": ["promt is no variable of this collection; did you mean prompt?"],
}


class Generated(Schema):
    """A generation that was started; with `wait`, once it has ended, all fields of its job in addition."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": STARTED_EXAMPLE})

    jobId: UUID  # noqa: N815 - the contract's spelling
    """For tracking."""
    outputIds: list[UUID]  # noqa: N815 - as jobId
    """The pending outputs that the job completes, one per generation; none with `create_output: false`."""
    warnings: list[str]
    """What was probably not meant, such as variables that the collection does not have."""
    status: Literal["completed", "failed"] | None = None
    """How the job ended; left out if it goes on."""
    error_message: str | None = None
    """Why it failed; left out if it goes on."""
    workflow_output: str | None = None
    """URL of the final result; left out if it goes on."""
    data: JobData | None = None
    """What it was asked for and what it gave; left out if it goes on."""


class PriceBody(Schema):
    """What a generation would be asked for. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"variables": {"prompt": "a quiet harbour at dawn"}}})

    variables: dict[str, Any] = Field(default_factory=dict)
    """Values of the collection's variables, by name, as for `generate`."""


class GenerationPriceView(Schema):
    """What a generation costs, in credits."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "price": 0.35,
                "least": 0.1,
                "collection": 0.1,
                "generations": 1,
                "steps": [STEP_EXAMPLE],
                "warnings": [],
                "needed": 0.35,
                "available": 12.5,
                "enough": True,
            }
        }
    )

    price: int | float
    """Everything together; if a step is settled by usage, the most it may cost. It is held when the job starts."""
    least: int | float
    """The least it may cost; as the price if no step is settled by usage."""
    collection: int | float
    """What the collection itself costs, for all generations."""
    generations: int
    """How many results are made."""
    steps: list[StepPriceView]
    """What each step of each generation costs, and why."""
    warnings: list[str]
    """What was probably not meant, such as variables that the collection does not have."""
    needed: int | float
    """Credits that are held when the job starts: the price, or 0 where prices are only shown."""
    available: int | float
    """Credits that the caller has for it."""
    enough: bool
    """Whether these are enough. Spending limits and quotas are checked when the job starts."""


async def allowed_priority(request: Request, caller: Caller, asked: int | None) -> tuple[int, tuple[str, ...]]:
    """Return the priority that was asked for, if the caller may ask for it, else the highest that users may ask for
    with a warning."""
    asked = DEFAULT_PRIORITY if asked is None else asked
    most = resources_of(request).settings.user_priority_max
    if asked <= most or await has_role(request, caller, OPERATOR):
        return asked, ()
    return most, (f"workflow_priority {asked} was lowered to {most}, the highest that users may ask for.",)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A generation that may start, as far as can be seen before its transaction."""

    ask: Ask
    warnings: tuple[str, ...]


async def prepare(request: Request, collection_id: CollectionRef, body: GenerateBody, user_id: CurrentUser) -> Prepared:
    """Settle the priority, bring in or find the files that the variables name or hold, and have what was asked for
    checked. Of a request that is refused, no file is kept.

    One dependency for all of it: FastAPI looks at each one, and at what it depends on, wherever it is named.
    """
    resources, caller = resources_of(request), await current_caller(request)
    priority, warnings = await allowed_priority(request, caller, body.workflow_priority)
    machines = await live_machines(request)
    variables = await entered(request, settled_files(shelf_of(resources), user_id, collection_id, body.variables))
    generation = GenerationRequest(
        variables=variables,
        priority=priority,
        workflow_id=body.workflow_id,
        create_output=body.create_output,
        output_id=body.output_id,
        strict=body.strict,
        key_id=caller.key_id,
        cleared=await clear_generation(resources, MODERATOR.of(request), user_id, collection_id, variables),
        machines=machines,
    )
    return Prepared(Ask(user_id, collection_id, generation, new_id()), warnings)


Preparing = Annotated[Prepared, Depends(prepare)]
"""Declare it before the transaction, which should not be open while Redis or moderation is asked."""

GENERATE: dict[str, Any] = {
    "dependencies": [StartsWork],
    "response_model": Envelope[Generated],
    "responses": {
        200: {
            "description": "The generation was started; with `wait`, and if its job has ended in time, with the job.",
            "headers": APPLIED_HEADER,
            "content": {"application/json": {"example": {"data": STARTED_EXAMPLE, "error": None}}},
        },
        **failures(
            _400=CollectionCorruptedError(["step 1 has no nodeName"]),
            _402=NotEnoughCreditsError(0.25, 0.1),
            _409="workflow_id names a job that exists already, or no live worker has the node classes of a step.",
        ),
    },
}


@routes.post("/collections/{collection_id}/generate", **GENERATE)
@routes.post("/collections/{collection_id}/generations", dependencies=[StartsWork], include_in_schema=False)
@legacy.post("/generator/v2/{collection_id}", operation_id="generateV2", deprecated=True, **GENERATE)
async def generate(request: Request, prepared: Preparing, waiting: Waiting, own: OnceAlone) -> Response:
    """Start a generation; answers with the job's id once everything about it is stored.

    With `wait`, the answer comes when the job has ended, and has the job in addition; if that takes longer, it is the
    same as without.
    """
    waiting.expect(prepared.ask.likely_job_id)
    started = await STARTS.of(request)(prepared.ask, own)
    note(request, job_id=str(started.job_id))
    waiting.started(is_new=started.is_new)
    warnings = [*started.warnings, *prepared.warnings]
    return reply({"jobId": started.job_id, "outputIds": started.output_ids, "warnings": warnings})


async def settled_price(
    collection_id: CollectionRef, body: PriceBody, user_id: CurrentUser, resources: Shared
) -> PriceBody:
    """Find the files that the variables name; those within are only looked at."""
    variables = await settle_files(shelf_of(resources), user_id, collection_id, body.variables)
    return body.model_copy(update={"variables": variables})


SettledPrice = Annotated[PriceBody, Depends(settled_price)]


@routes.post(
    "/collections/{collection_id}/price",
    operation_id="getPrice",
    response_model=Envelope[GenerationPriceView],
    responses=failures(_400=CollectionCorruptedError(["step 1 has no nodeName"])),
)
@reads_only
async def price(
    collection_id: CollectionRef, body: SettledPrice, user_id: CurrentUser, reader: Reader, resources: Shared
) -> Any:
    """Say what a generation with these variables would cost, in credits. Nothing is started or held.

    Where the price depends on a variable that chance picks, the generation itself may pick another value.
    """
    collection = await collections.get_runnable(reader, user_id, collection_id)
    plan = await plan_generation(reader, collection, body.variables)
    terms = terms_from(resources.settings)
    available = await available_to(reader, user_id, terms=terms)
    needed = plan.price if terms.enforced else 0
    return ok(
        {
            "price": to_number(plan.price),
            "least": to_number(plan.least),
            "collection": to_number(plan.own_price),
            "generations": len(plan.generations),
            "steps": [step_json(part) for part in stored_steps(plan.prices)],
            "warnings": plan.warnings,
            "needed": to_number(needed),
            "available": to_number(available),
            "enough": available >= needed,
        }
    )
