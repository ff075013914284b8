"""The markers by which each route says who may call it. A route without one keeps the api from starting."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from emprops.auth.authenticators import Authenticator
from emprops.auth.caller import READ, SERVICE, Caller
from emprops.auth.tickets import redeem_ticket
from emprops.errors import ForbiddenError, UnauthorizedError
from emprops.kit.openapi import ANONYMOUS
from emprops.kit.requests import resources_of

_user_id = APIKeyHeader(
    name="user_id",
    scheme_name="user_id",
    description="The calling user's UUID. Believed in local mode; in production only beside a service's key.",
    auto_error=False,
)
_bearer = HTTPBearer(
    scheme_name="token", bearerFormat="JWT", description="A token of the installation's issuer.", auto_error=False
)
_api_key = APIKeyHeader(
    name="X-API-Key",
    scheme_name="api_key",
    description="A service's key, see `emprops keys create`.",
    auto_error=False,
)


_nobody = APIKeyHeader(name="nobody", scheme_name=ANONYMOUS, auto_error=False)


async def documented_credentials(
    _user_id: Annotated[object, Security(_user_id)] = None,
    _token: Annotated[object, Security(_bearer)] = None,
    _key: Annotated[object, Security(_api_key)] = None,
) -> None:
    """Name the ways to say who is calling in the API's description; they are read by the authenticator."""


async def documented_as_optional(
    _nobody: Annotated[object, Security(_nobody)] = None,
    _documented: Annotated[None, Depends(documented_credentials)] = None,
) -> None:
    """The same for routes that nobody may call too."""


def authenticator_of(connection: HTTPConnection) -> Authenticator:
    """Give the process's authenticator."""
    authenticator: Authenticator = connection.app.state.authenticator
    return authenticator


async def current_caller(
    connection: HTTPConnection, _documented: Annotated[None, Depends(documented_credentials)] = None
) -> Caller:
    """Find the caller, or fail with 401, 400, or 403 for a key that is meant for something else."""
    caller = await authenticator_of(connection).identify(connection)
    if caller.scopes and not caller.scopes & {SERVICE, READ}:
        raise ForbiddenError("This endpoint takes an API key with the scope service or read.")
    return caller


async def current_user(caller: Annotated[Caller, Depends(current_caller)]) -> UUID:
    """Give the calling user's id; a service that speaks for nobody gets 401."""
    if caller.user_id is None:
        raise UnauthorizedError("Unauthorized: missing user_id header")
    return caller.user_id


async def stream_caller(
    connection: HTTPConnection,
    job_id: UUID,
    ticket: Annotated[
        str | None, Query(max_length=100, description="A stream ticket, for clients that cannot send headers.")
    ] = None,
    _documented: Annotated[None, Depends(documented_credentials)] = None,
) -> Caller:
    """Find the caller of a job's stream: by a ticket for it, else as everywhere."""
    if ticket is None:
        return await current_caller(connection)
    resources = resources_of(connection)
    return await redeem_ticket(resources.redis, resources.settings.queue_prefix, ticket, job_id)


async def optional_caller(
    connection: HTTPConnection, _documented: Annotated[None, Depends(documented_as_optional)] = None
) -> Caller | None:
    """Find the caller of a public route, or None; an identity that is sent must still be valid."""
    try:
        return await authenticator_of(connection).identify(connection)
    except UnauthorizedError:
        if {"x-api-key", "authorization"} & set(connection.headers):
            raise
        return None


async def service_caller(
    connection: HTTPConnection, _documented: Annotated[object, Security(_api_key)] = None
) -> Caller:
    """Find the calling service: 401 without a valid API key, 403 if the key lacks the scope ``service``."""
    if "x-api-key" not in connection.headers:
        raise UnauthorizedError("This endpoint needs a service key (X-API-Key).")
    caller = await authenticator_of(connection).identify(connection)
    if SERVICE not in caller.scopes:
        raise ForbiddenError("This endpoint takes an API key with the scope service.")
    return caller


async def anybody() -> None:
    """Mark a route as public."""


CurrentCaller = Annotated[Caller, Depends(current_caller)]
"""Parameter type of a route for known callers."""
CurrentUser = Annotated[UUID, Depends(current_user)]
"""Parameter type of a route for users: their id."""
ServiceCaller = Annotated[Caller, Depends(service_caller)]
"""Parameter type of a route for services only; ``user_id`` is whom the service acts for, if it says."""
StreamCaller = Annotated[Caller, Depends(stream_caller)]
"""Parameter type of the stream of the job ``job_id``, which also takes a ticket in its URL."""
OptionalCaller = Annotated[Caller | None, Depends(optional_caller)]
"""Parameter type of a public route that shows more to known callers."""
PublicRoute = Depends(anybody)
"""For ``dependencies=[PublicRoute]`` of a route that anybody may call."""

MARKERS = frozenset({current_caller, service_caller, stream_caller, optional_caller, anybody})


def is_marked(dependant: Dependant) -> bool:
    """Tell whether a route's dependencies include a marker."""
    return dependant.call in MARKERS or any(is_marked(inner) for inner in dependant.dependencies)


def unmarked_routes(routes: Iterable[BaseRoute]) -> list[str]:
    """List the paths of routes that do not say who may call them."""
    found = []
    for context in iter_route_contexts(list(routes)):
        route = context.original_route
        if isinstance(route, APIRoute | APIWebSocketRoute) and not is_marked(context.dependant):
            found.append(str(context.path))
    return found
