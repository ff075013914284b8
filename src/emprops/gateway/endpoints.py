"""Work for machines that are not trusted with Redis: claim, renew, report and upload with a worker's key."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from starlette.responses import Response

from emprops.auth.dependencies import WorkerCaller, worker_caller
from emprops.errors import ConflictError, TooManyRequestsError
from emprops.gateway.conversions import turn_json
from emprops.gateway.identity import NAME, TOKEN
from emprops.gateway.schemas import (
    AnnounceBody,
    AnnouncedView,
    BeatBody,
    BeatView,
    HelloBody,
    MemberView,
    ReleaseBody,
    ReleaseView,
    StoredFileView,
    TurnBody,
    TurnView,
    WaitBody,
    WaitView,
    WorkerTerms,
)
from emprops.gateway.service import Gateway
from emprops.gateway.uploads import check_input, receive
from emprops.kit.web.endpoint import Shared, StrictRoute, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.parts import Part
from emprops.kit.web.server import is_stopping
from emprops.kit.web.strict_json import Strictness
from emprops.media.result_links import Naming
from emprops.media.serving import PRIVATE, REPLIES, send_file
from emprops.queue.bounds import MAX_DATA_BYTES, MAX_DEPTH

AROUND_DATA = 8
"""Levels of a body that a result's data are in, and some more."""


class WorkerRoute(StrictRoute):
    """Results of many steps at once, and lists of all models of a machine, are larger than what users send. What is
    in them the worker only passes on, so no character in it is a reason to refuse what it has to say."""

    max_body_bytes = 8 * 1024 * 1024
    strictness = Strictness(
        max_depth=MAX_DEPTH + AROUND_DATA, max_nodes=400_000, max_key_length=MAX_DATA_BYTES, mends_texts=True
    )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Ask for the key before the body is read, as strangers may not send one of that size."""
        handle = super().get_route_handler()

        async def known_first(request: Request) -> Response:
            await worker_caller(request)
            return await handle(request)

        return known_first


GATEWAY: Part[Gateway] = Part("gateway")


Workers = Annotated[Gateway, Depends(GATEWAY.depend)]
LIMITED = failures(_429=TooManyRequestsError("This key may make 200 calls a second."))
BYTES = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}

routes = router(prefix="/worker", tags=["workers"], route_class=WorkerRoute)


@routes.post(
    "/hello",
    operation_id="workerHello",
    response_model=Envelope[WorkerTerms],
    responses={**LIMITED, **failures(_409=ConflictError("This api speaks version 1: update the worker."))},
)
async def say_hello(body: HelloBody, caller: WorkerCaller, gateway: Workers) -> Any:
    """Agree on a version of the protocol, and learn what holds for workers here."""
    return ok(gateway.terms(gateway.admit(caller.key_prefix, body.worker), body.protocol))


@routes.post("/turn", operation_id="workerTurn", response_model=Envelope[TurnView], responses=LIMITED)
async def take_turn(body: TurnBody, caller: WorkerCaller, gateway: Workers, resources: Shared) -> Any:
    """Report what ended and claim steps to run. Sent again with the same `request`, it gets the same answer."""
    worker = gateway.admit(caller.key_prefix, body.worker)
    return ok(turn_json(await gateway.turn(resources.redis, worker, body)))


@routes.post("/wait", operation_id="workerWait", response_model=Envelope[WaitView], responses=LIMITED)
async def wait_for_news(body: WaitBody, request: Request, caller: WorkerCaller, gateway: Workers) -> Any:
    """Be answered when there may be something to claim, or a step of this worker was cancelled; or after a while."""
    worker = gateway.admit(caller.key_prefix, body.worker)

    async def gone() -> bool:
        return is_stopping(request.scope) or await request.is_disconnected()

    return ok({"wake": await gateway.wait(worker, body.timeout, gone)})


@routes.post("/beat", operation_id="workerBeat", response_model=Envelope[BeatView], responses=LIMITED)
async def beat(body: BeatBody, caller: WorkerCaller, gateway: Workers, resources: Shared) -> Any:
    """Renew leases, and tell progress."""
    worker = gateway.admit(caller.key_prefix, body.worker)
    return ok({"lost": await gateway.beat(resources.redis, worker, body)})


@routes.post(
    "/release",
    operation_id="workerRelease",
    response_model=Envelope[ReleaseView],
    responses=LIMITED,
)
async def release(body: ReleaseBody, caller: WorkerCaller, gateway: Workers, resources: Shared) -> Any:
    """Hand claims back: the steps keep their place, and nothing counts as a failure."""
    worker = gateway.admit(caller.key_prefix, body.worker)
    return ok({"released": await gateway.release(resources.redis, worker, body.claims)})


@routes.post(
    "/announce",
    operation_id="workerAnnounce",
    response_model=Envelope[AnnouncedView],
    responses=LIMITED,
)
async def announce(body: AnnounceBody, caller: WorkerCaller, gateway: Workers) -> Any:
    """Be part of the fleet; an entry ends after 120 seconds without another call."""
    worker = gateway.admit(caller.key_prefix, body.worker)
    return ok({"worker_id": worker.id, "paused": await gateway.announce(worker, body)})


@routes.post(
    "/withdraw",
    operation_id="workerWithdraw",
    response_model=Envelope[MemberView],
    responses=LIMITED,
)
async def withdraw(body: AnnounceBody, caller: WorkerCaller, gateway: Workers) -> Any:
    """Leave the fleet."""
    worker = gateway.admit(caller.key_prefix, body.worker)
    await gateway.withdraw(worker, body)
    return ok({"worker_id": worker.id})


@routes.get(
    "/files/{key:path}",
    operation_id="workerGetFile",
    response_class=Response,
    responses={**REPLIES, **LIMITED},
)
async def get_input_file(
    key: str,
    request: Request,
    caller: WorkerCaller,
    gateway: Workers,
    resources: Shared,
    results: Naming,
    step: Annotated[str, Query(max_length=100, description="The id of the claimed step.")],
    worker_name: Annotated[str, Header(pattern=f"^{NAME}$")],
    claim_token: Annotated[str, Header(pattern=f"^{TOKEN}$")],
) -> Response:
    """Send an input of a claimed step that is not public, or one range of it."""
    worker = gateway.admit(caller.key_prefix, worker_name)
    await check_input(resources.redis, results, key, worker=worker, step_id=step, token=claim_token)
    return await send_file(request, resources.storage, key, headers=PRIVATE)


@routes.put(
    "/files/{key:path}",
    operation_id="workerPutFile",
    response_model=Envelope[StoredFileView],
    responses=LIMITED,
    openapi_extra=BYTES,
)
async def put_result_file(
    key: str,
    request: Request,
    caller: WorkerCaller,
    gateway: Workers,
    resources: Shared,
    worker_name: Annotated[str, Header(pattern=f"^{NAME}$")],
    claim_token: Annotated[str, Header(pattern=f"^{TOKEN}$")],
    content_sha256: Annotated[str, Header(alias="Content-SHA256", pattern="^[0-9a-f]{64}$")],
) -> Any:
    """Store a result of a claimed step under `generations/{job}/{step}-{attempt}-{token}-{number}{extension}`, where
    `{token}` is the first eight characters of the claim's."""
    worker = gateway.admit(caller.key_prefix, worker_name)
    with gateway.limits.upload(worker.key):
        upload = await receive(
            request.stream(),
            key,
            worker=worker,
            token=claim_token,
            sha256=content_sha256,
            redis=resources.redis,
            storage=resources.storage,
            settings=resources.settings,
        )
    return ok({"key": upload.key, "size": upload.size, "sha256": upload.sha256})
