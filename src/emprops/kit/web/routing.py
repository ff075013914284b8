"""How a request's route is found: by the first segment of its path, among the few routes that begin with it.

The framework tries one route after the other, and twice where routers are included; with every route under two prefixes
that took longer than many an endpoint.
"""

from collections.abc import Iterable
from copy import copy

from starlette.routing import BaseRoute, Match, Route, WebSocketRoute, compile_path
from starlette.types import Receive, Scope, Send

PREFIX = "api"
_CHOSEN = "emprops.route"


def placed(route: BaseRoute, prefix: str, *, documented: bool) -> Route | WebSocketRoute:
    """Return a route under a prefix; one that is not ``documented`` there is not in the OpenAPI document."""
    if not isinstance(route, Route | WebSocketRoute):
        raise TypeError(f"{route!r} has no path of its own")
    under = copy(route)
    under.path = prefix + route.path
    under.path_regex, under.path_format, under.param_convertors = compile_path(under.path)
    if isinstance(under, Route):
        under.include_in_schema = under.include_in_schema and documented
    return under


class Index(BaseRoute):
    """Stands before all routes and finds the one that they would find; it has none for what they have none for."""

    def __init__(self, routes: Iterable[tuple[Route | WebSocketRoute, BaseRoute]]) -> None:
        """Take routes, each with what it is known as in metrics, in the order in which they are tried."""
        known = [(_segment(route.path), route, known_as) for route, known_as in routes]
        self._anywhere = [(route, known_as) for own, route, known_as in known if own is None]
        self._by_segment: dict[str | None, list[tuple[Route | WebSocketRoute, BaseRoute]]] = {
            segment: [(route, known_as) for own, route, known_as in known if own in (None, segment)]
            for segment in {own for own, _, _ in known}
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Find the first route that fits, or else the first that would with another method."""
        segment = _segment(scope["path"].removeprefix(scope.get("root_path", "")))
        partial: tuple[Match, Scope] = (Match.NONE, {})
        for route, known_as in self._by_segment.get(segment, self._anywhere):
            match, found = route.matches(scope)
            if match == Match.NONE:
                continue
            chosen = match, {**found, "route": known_as, _CHOSEN: route}
            if match == Match.FULL:
                return chosen
            if partial[0] == Match.NONE:
                partial = chosen
        return partial

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the route that was found."""
        await scope[_CHOSEN].handle(scope, receive, send)


def _segment(path: str) -> str | None:
    """Return what a path begins with, and whether it is under the prefix; None where that is a parameter."""
    parts = path.split("/", 3)
    if len(parts) > 2 and parts[1] == PREFIX:
        return None if "{" in parts[2] else f"{PREFIX}/{parts[2]}"
    return None if len(parts) < 2 or "{" in parts[1] else parts[1]
