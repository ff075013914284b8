"""How a route is found among hundreds."""

import re
from collections.abc import Sequence

import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.routing import BaseRoute, Match, Mount, Route, WebSocketRoute
from starlette.types import Scope
from tests.effort import calls_of

from emprops.kit.web.routing import Index, placed
from emprops.main import create_app
from emprops.settings import Settings


class Nothing(HTTPEndpoint):
    """What the routes of these tests would run."""


def route(path: str, method: str = "POST") -> Route:
    return Route(path, Nothing, methods=[method])


def asked(path: str, method: str = "POST", **more: object) -> Scope:
    return {"type": "http", "path": path, "method": method, **more}


def index_of(routes: Sequence[Route]) -> Index:
    return Index((one, one) for one in routes)


def chosen(index: Index, scope: Scope) -> tuple[Match, BaseRoute | None]:
    match, found = index.matches(scope)
    return match, found.get("route")


def test_the_first_route_that_fits_is_found() -> None:
    special, general, anything = route("/decks/new"), route("/decks/{name}"), route("/{folder}/{name}")
    index = index_of([special, general, anything])
    assert chosen(index, asked("/decks/new")) == (Match.FULL, special)
    assert chosen(index, asked("/decks/old")) == (Match.FULL, general)
    assert chosen(index, asked("/other/old")) == (Match.FULL, anything)
    assert chosen(index, asked("/other")) == (Match.NONE, None)


def test_a_route_with_the_method_is_found_behind_one_without() -> None:
    reads, writes = route("/decks/{name}", "PUT"), route("/{folder}/{name}", "PATCH")
    index = index_of([reads, writes])
    assert chosen(index, asked("/decks/old", "PATCH")) == (Match.FULL, writes)
    assert chosen(index, asked("/decks/old", "DELETE")) == (Match.PARTIAL, reads)


def test_a_route_is_found_below_the_path_of_a_proxy() -> None:
    decks = route("/decks/{name}")
    assert chosen(index_of([decks]), asked("/apps/decks/old", root_path="/apps")) == (Match.FULL, decks)


def test_a_placed_route_is_known_as_the_one_it_was_made_of() -> None:
    decks = route("/decks/{name}")
    under = placed(decks, "/api", documented=False)
    assert (under.path, decks.path) == ("/api/decks/{name}", "/decks/{name}")
    assert chosen(Index([(under, decks)]), asked("/api/decks/old")) == (Match.FULL, decks)
    with pytest.raises(TypeError, match="no path of its own"):
        placed(Mount("/static", routes=[]), "/api", documented=False)


def test_the_index_finds_what_the_routes_by_themselves_find(settings: Settings) -> None:
    routes = create_app(settings).routes
    index = next(one for one in routes if isinstance(one, Index))
    others = [one for one in routes if one is not index]
    own = [one for one in others if isinstance(one, Route | WebSocketRoute) and one.path.startswith("/api/")]
    assert len(own) > 100
    for one in own:
        kind = "http" if isinstance(one, Route) else "websocket"
        path = re.sub(r"\{.*?\}", "0192f0c8-0000-7000-8000-00000000000f", one.path)
        for method in getattr(one, "methods", None) or ["GET"]:
            scope = {"type": kind, "path": path, "method": method, "headers": []}
            first = next(match for match in (other.matches(scope) for other in others) if match[0] == Match.FULL)
            match, found = index.matches(scope)
            assert match == Match.FULL
            assert found["endpoint"] is first[1]["endpoint"]


def test_the_last_of_many_routes_is_found_with_as_little_effort_as_the_first() -> None:
    index = index_of([route(f"/feature-{number}/{{name}}") for number in range(500)])
    first = calls_of(lambda: index.matches(asked("/feature-0/one")))
    assert calls_of(lambda: index.matches(asked("/feature-499/one"))) == first
