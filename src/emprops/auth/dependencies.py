"""The markers by which each route says who may call it. A route without one keeps the api from starting.

They call each other and do not depend on each other: FastAPI would find out about each one wherever it is named.
"""

import hmac
from collections.abc import Callable, Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from emprops.auth.authenticators import AUTHENTICATOR
from emprops.auth.caller import AUTHOR, OPERATOR, READ, SERVICE, VIEWER, WORKER, Caller
from emprops.auth.file_links import FILE_LINKS
from emprops.auth.limits import LIMITER, Kind
from emprops.auth.roles import has_role
from emprops.auth.session_cookie import COOKIE
from emprops.auth.sessions import SESSIONS
from emprops.auth.startup import is_loopback
from emprops.auth.tickets import MY_STREAM, SOCKET, redeem_ticket, stream_of
from emprops.errors import ForbiddenError, UnauthorizedError
from emprops.kit.web.endpoint import resources_of
from emprops.kit.web.lease import ends_with
from emprops.kit.web.openapi import Security
from emprops.settings import Settings

NO_VIEWER = "This endpoint takes the role viewer, or an API key with the scope service, or read without a user."


async def identify(connection: HTTPConnection) -> Caller:
    """Ask the process's authenticator who is calling, once a request: finding out may take a database connection.

    Counts the request too; raises :class:`~emprops.errors.TooManyRequestsError` if that is one too many.
    """
    state = connection.scope.setdefault("state", {})
    if "caller" not in state:
        found = await AUTHENTICATOR.of(connection).identify(connection)
        await LIMITER.of(connection).check(connection, found, Kind.REQUEST)
        state["caller"] = _leased(connection, found)
    caller: Caller = state["caller"]
    return caller


def _leased(connection: HTTPConnection, caller: Caller) -> Caller:
    """Have streams and WebSockets end with the session that opens them."""
    if caller.session_id is not None:
        watch = SESSIONS.of(connection).watch
        ends_with(connection, watch.lease(caller.session_id, resources_of(connection).database))
    return caller


async def current_caller(connection: HTTPConnection) -> Caller:
    """Find the caller, or fail with 401, 400, or 403 for a key that is meant for something else."""
    caller = await identify(connection)
    if caller.scopes and not caller.scopes & {SERVICE, READ}:
        raise ForbiddenError("This endpoint takes an API key with the scope service or read.")
    return caller


async def current_user(connection: HTTPConnection) -> UUID:
    """Return the calling user's id; a service that speaks for nobody gets 401."""
    caller = await current_caller(connection)
    if caller.user_id is None:
        raise UnauthorizedError("Unauthorized: missing user_id header")
    return caller.user_id


Ticket = Annotated[
    str | None, Query(max_length=100, description="A stream ticket, for clients that cannot send headers.")
]


async def stream_caller(connection: HTTPConnection, job_id: UUID, ticket: Ticket = None) -> Caller:
    """Find the caller of a job's stream: by a ticket for it, else as everywhere."""
    return await _by_ticket(connection, ticket, stream_of(job_id))


async def socket_caller(connection: HTTPConnection, ticket: Ticket = None) -> Caller:
    """Find who opens a WebSocket: by a ticket for that, else as everywhere."""
    return await _by_ticket(connection, ticket, SOCKET)


async def my_stream_caller(connection: HTTPConnection, ticket: Ticket = None) -> Caller:
    """Find the caller of the stream of all their jobs: by a ticket for it, else as everywhere."""
    return await _by_ticket(connection, ticket, MY_STREAM)


async def _by_ticket(connection: HTTPConnection, ticket: str | None, purpose: str) -> Caller:
    if ticket is None:
        return await current_caller(connection)
    resources = resources_of(connection)
    caller = await redeem_ticket(resources.redis, resources.settings.queue_prefix, ticket, purpose)
    return _leased(connection, caller)


async def asset_reader(connection: HTTPConnection, asset_id: UUID) -> UUID | None:
    """Find whose asset may be read: None if the URL is signed for it, else the calling user's only."""
    if FILE_LINKS.of(connection).opens(f"asset:{asset_id}", connection.query_params):
        return None
    return await current_user(connection)


async def optional_caller(connection: HTTPConnection) -> Caller | None:
    """Find the caller of a public route, or None; an identity that is sent must still be valid."""
    try:
        return await identify(connection)
    except UnauthorizedError:
        if {"x-api-key", "authorization"} & set(connection.headers):
            raise
        return None


async def header_caller(connection: HTTPConnection) -> Caller | None:
    """Find the caller by what was sent for this request, a session's cookie aside; None if nothing was."""
    found = await AUTHENTICATOR.of(connection).by_headers(connection)
    if found is not None:
        await LIMITER.of(connection).check(connection, found, Kind.REQUEST)
    return found


async def service_caller(connection: HTTPConnection) -> Caller:
    """Find the calling service: 401 without a valid API key, 403 if the key lacks the scope ``service``."""
    return await _caller_with(connection, SERVICE)


async def worker_caller(connection: HTTPConnection) -> Caller:
    """Find the key of the calling worker: 401 without a valid API key, 403 if the key lacks the scope ``worker``."""
    return await _caller_with(connection, WORKER)


async def _caller_with(connection: HTTPConnection, scope: str) -> Caller:
    if "x-api-key" not in connection.headers:
        raise UnauthorizedError(f"This endpoint needs a {scope} key (X-API-Key).")
    caller = await identify(connection)
    if scope not in caller.scopes:
        raise ForbiddenError(f"This endpoint takes an API key with the scope {scope}.")
    return caller


async def author(connection: HTTPConnection) -> None:
    """Let those in who may make workflows, projects and collections; the others get 403."""
    if not await has_role(connection, await current_caller(connection), AUTHOR):
        raise ForbiddenError(
            "Making and changing workflows, projects and collections takes the role author; ask the operator for it."
        )


async def count_generation(connection: HTTPConnection) -> None:
    """Count a request that puts work into the queue."""
    await LIMITER.of(connection).check(connection, await current_caller(connection), Kind.GENERATION)


async def operator_caller(connection: HTTPConnection) -> Caller:
    """Find who runs the installation: a user with the role operator, or a service; the others get 403."""
    caller = await current_caller(connection)
    if not await has_role(connection, caller, OPERATOR):
        raise ForbiddenError("This endpoint takes the role operator, or an API key with the scope service.")
    return caller


async def viewer_caller(connection: HTTPConnection) -> Caller:
    """Find who may see what an operator sees: a user with the role viewer or operator, a service, or a key with the
    scope read that belongs to no user; the others get 403."""
    caller = await current_caller(connection)
    if not await has_role(connection, caller, VIEWER):
        raise ForbiddenError(NO_VIEWER)
    return caller


async def viewer(connection: HTTPConnection) -> None:
    """Let the same in, and the metrics token; and everybody where only this machine can ask and the ``user_id`` header
    is believed."""
    settings = resources_of(connection).settings
    if is_operators_token(connection, settings) or (settings.mode != "production" and is_loopback(settings.host)):
        return
    caller = await identify(connection)
    if not caller.is_service and not await has_role(connection, caller, VIEWER):
        raise ForbiddenError(NO_VIEWER)


def is_operators_token(connection: HTTPConnection, settings: Settings) -> bool:
    """Return whether the request carries the metrics token."""
    expected = settings.metrics_token.get_secret_value()
    _, _, token = connection.headers.get("authorization", "").partition(" ")
    return bool(expected) and hmac.compare_digest(token.strip().encode(), expected.encode())


async def anybody() -> None:
    """Mark a route as public."""


CurrentCaller = Annotated[Caller, Depends(current_caller)]
"""Parameter type of a route for known callers."""
CurrentUser = Annotated[UUID, Depends(current_user)]
"""Parameter type of a route for users: their id."""
ServiceCaller = Annotated[Caller, Depends(service_caller)]
"""Parameter type of a route for services only; ``user_id`` is whom the service acts for, if it says."""
WorkerCaller = Annotated[Caller, Depends(worker_caller)]
"""Parameter type of a route for workers on other machines only; they are known by their key, and are no user."""
StreamCaller = Annotated[Caller, Depends(stream_caller)]
"""Parameter type of the stream of the job ``job_id``, which also takes a ticket in its URL."""
MyStreamCaller = Annotated[Caller, Depends(my_stream_caller)]
"""Parameter type of the stream of all jobs of the caller, which also takes a ticket in its URL."""
SocketCaller = Annotated[Caller, Depends(socket_caller)]
"""Parameter type of a WebSocket, which also takes a ticket in its URL."""
AssetReader = Annotated[UUID | None, Depends(asset_reader)]
"""Parameter type of a route that shows the asset ``asset_id``: to its owner, or by a signed URL."""
OptionalCaller = Annotated[Caller | None, Depends(optional_caller)]
"""Parameter type of a public route that shows more to known callers."""
HeaderCaller = Annotated[Caller | None, Depends(header_caller)]
"""Parameter type of a public route that exchanges what headers say for something else."""
OperatorCaller = Annotated[Caller, Depends(operator_caller)]
"""Parameter type of a route for those who run the installation: operators and services."""
ViewerCaller = Annotated[Caller, Depends(viewer_caller)]
"""Parameter type of a route that shows what operators see."""
ViewerRoute = Depends(viewer)
"""For ``dependencies=[ViewerRoute]`` of a route that shows how the installation does, also to monitoring."""
PublicRoute = Depends(anybody)
"""For ``dependencies=[PublicRoute]`` of a route that anybody may call."""
AuthorRoute = Depends(author)
"""For ``dependencies=[AuthorRoute]`` of a route that makes or changes what others generate from."""
StartsWork = Depends(count_generation)
"""For ``dependencies=[StartsWork]`` of a route that puts work into the queue."""

SCHEMES: dict[str, dict[str, str]] = {
    "user_id": {
        "type": "apiKey",
        "in": "header",
        "name": "user_id",
        "description": "The calling user's UUID. Trusted in local mode; in production only with a service's key.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the installation's issuer, or an API key.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A service's key, see `emprops keys create`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A page's session, see `POST /session`; called `emprops` on this machine. Headers go first.",
    },
}
"""The ways to say who is calling, as OpenAPI describes them; the authenticator reads them."""
_EVERY_WAY: Security = [{name: []} for name in SCHEMES]
_BY_HEADER: Security = [way for way in _EVERY_WAY if "session" not in way]
MARKERS: dict[Callable[..., Any], Security] = {
    current_caller: _EVERY_WAY,
    current_user: _EVERY_WAY,
    operator_caller: _EVERY_WAY,
    viewer_caller: _EVERY_WAY,
    author: _EVERY_WAY,
    stream_caller: _EVERY_WAY,
    my_stream_caller: _EVERY_WAY,
    socket_caller: _EVERY_WAY,
    service_caller: [{"api_key": []}],
    worker_caller: [{"api_key": []}],
    asset_reader: _EVERY_WAY,
    optional_caller: [{}, *_EVERY_WAY],
    header_caller: _BY_HEADER,
    viewer: [{"api_key": []}, {"token": []}, {"session": []}],
    anybody: [],
}


def security_of(dependant: Dependant) -> Security | None:
    """Say how a route's callers make themselves known; None if it does not say who may call it."""
    if dependant.call in MARKERS:
        return MARKERS[dependant.call]
    found = (security_of(inner) for inner in dependant.dependencies)
    return next((security for security in found if security is not None), None)


def unmarked_routes(routes: Iterable[BaseRoute]) -> list[str]:
    """List the paths of routes that do not say who may call them."""
    found = []
    for context in iter_route_contexts(list(routes)):
        route = context.original_route
        if isinstance(route, APIRoute | APIWebSocketRoute) and security_of(context.dependant) is None:
            found.append(str(context.path))
    return found
