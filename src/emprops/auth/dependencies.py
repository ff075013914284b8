"""The markers by which each route says who may call it. A route without one keeps the api from starting."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from fastapi.security import APIKeyHeader
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from emprops.auth.authenticators import Authenticator
from emprops.auth.caller import Caller
from emprops.errors import UnauthorizedError

_user_id_header = APIKeyHeader(
    name="user_id", scheme_name="user_id", description="The calling user's UUID.", auto_error=False
)


async def current_caller(
    connection: HTTPConnection,
    _documented: Annotated[str | None, Security(_user_id_header)] = None,
) -> Caller:
    """Find the caller, or fail with 401 or 400."""
    authenticator: Authenticator = connection.app.state.authenticator
    return await authenticator.identify(connection)


async def current_user(caller: Annotated[Caller, Depends(current_caller)]) -> UUID:
    """Give the calling user's id; a service that speaks for nobody gets 401."""
    if caller.user_id is None:
        raise UnauthorizedError("Unauthorized: missing user_id header")
    return caller.user_id


async def optional_caller(connection: HTTPConnection) -> Caller | None:
    """Find the caller of a public route, or None; an identity that is sent must still be valid."""
    authenticator: Authenticator = connection.app.state.authenticator
    try:
        return await authenticator.identify(connection)
    except UnauthorizedError:
        return None


async def anybody() -> None:
    """Mark a route as public."""


CurrentCaller = Annotated[Caller, Depends(current_caller)]
"""Parameter type of a route for known callers."""
CurrentUser = Annotated[UUID, Depends(current_user)]
"""Parameter type of a route for users: their id."""
OptionalCaller = Annotated[Caller | None, Depends(optional_caller)]
"""Parameter type of a public route that shows more to known callers."""
PublicRoute = Depends(anybody)
"""For ``dependencies=[PublicRoute]`` of a route that anybody may call."""

MARKERS = frozenset({current_caller, optional_caller, anybody})


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
