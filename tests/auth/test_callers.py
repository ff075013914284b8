"""Who is calling in local mode, and that no route forgets to ask."""

from typing import Annotated
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from emprops import routes as table
from emprops.auth.authenticators import authenticator_for
from emprops.auth.dependencies import MARKERS, CurrentCaller, CurrentUser, OptionalCaller, PublicRoute, unmarked_routes
from emprops.auth.limits import RateLimiter
from emprops.auth.store import ensure_user
from emprops.kit.database import Database
from emprops.kit.web.asgi import RequestShell
from emprops.kit.web.endpoint import open_reader, open_transaction, router
from emprops.kit.web.envelope import Envelope, add_exception_handlers, ok
from emprops.kit.web.origin import RequestGuard
from emprops.main import create_app
from emprops.settings import Settings

ANNA = "0192f0c8-0000-7000-8000-00000000000a"
BERT = "0192f0c8-0000-7000-8000-00000000000b"


def make_app() -> FastAPI:
    app = FastAPI()
    app.state.authenticator = authenticator_for(Settings(mode="test"))
    app.state.limiter = RateLimiter(Settings(mode="test"))
    app.add_middleware(RequestShell, headers={}, guard=RequestGuard(Settings(mode="test")))
    add_exception_handlers(app)
    routes = router()

    @routes.get("/user")
    async def user(user_id: CurrentUser) -> Envelope[UUID]:
        return ok(user_id)

    @routes.get("/caller")
    async def caller(caller: CurrentCaller) -> Envelope[bool]:
        return ok(caller.is_service)

    @routes.get("/open")
    async def open_to_all(caller: OptionalCaller) -> Envelope[UUID | None]:
        return ok(caller.user_id if caller else None)

    @routes.get("/public", dependencies=[PublicRoute])
    async def public() -> Envelope[str]:
        return ok("hello")

    app.include_router(routes)
    return app


async def get(path: str, *headers: tuple[str, str]) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=make_app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path, headers=list(headers))


@pytest.mark.parametrize("name", ["user_id", "user-id", "x-user-id", "User_ID", "X-User-Id"])
@pytest.mark.parametrize("value", [ANNA, ANNA.upper(), f" {ANNA} "])
async def test_the_header_names_the_user(name: str, value: str) -> None:
    response = await get("/user", (name, value))
    assert response.json() == {"data": ANNA, "error": None}


@pytest.mark.parametrize("headers", [(), (("user_id", ""),), (("x-user_id", ANNA),), (("user.id", ANNA),)])
@pytest.mark.parametrize("path", ["/user", "/caller"])
async def test_a_missing_header_is_401(path: str, headers: tuple[tuple[str, str], ...]) -> None:
    response = await get(path, *headers)
    assert response.status_code == 401
    assert response.json()["error"] == "Unauthorized: missing user_id header"


@pytest.mark.parametrize(
    "value",
    [
        "me",
        "123",
        ANNA.replace("-", ""),
        "{" + ANNA + "}",
        f"urn:uuid:{ANNA}",
        f"{ANNA},{ANNA}",
        ANNA + "0",
        ANNA[:-1],
        ANNA.replace("a", "g"),
        "' OR 1=1 --",
        "0" * 5000,
    ],
)
async def test_nonsense_is_400(value: str) -> None:
    for path in ("/user", "/open"):
        response = await get(path, ("user_id", value))
        assert response.status_code == 400
        assert response.json()["error"] == "Invalid user_id header"


async def test_spellings_must_agree() -> None:
    assert (await get("/user", ("user_id", ANNA), ("x-user-id", ANNA.upper()))).json()["data"] == ANNA
    for second in (("user_id", BERT), ("user-id", BERT), ("x-user-id", "")):
        response = await get("/user", ("user_id", ANNA), second)
        assert response.status_code == 400
        assert response.json()["error"].startswith("Invalid user_id header")


async def test_public_routes_ask_nobody() -> None:
    assert (await get("/public")).status_code == 200
    assert (await get("/public", ("user_id", "nonsense"))).status_code == 200
    assert (await get("/open")).json()["data"] is None
    assert (await get("/open", ("user_id", ANNA))).json()["data"] == ANNA


async def test_a_user_is_inserted_on_first_sight(database: Database) -> None:
    for _ in range(2):
        async with database.transaction() as tx:
            await ensure_user(tx, UUID(ANNA))
    async with database.reader() as reader:
        assert await reader.fetch_values("SELECT id FROM app_user") == [UUID(ANNA)]


# --- every route says who may call it


def test_every_route_is_marked(settings: Settings) -> None:
    app = create_app(settings)
    assert unmarked_routes(app.routes) == []
    assert len(app.openapi()["paths"]) >= 3


def dependencies_of(dependant: Dependant) -> list[object]:
    """In the order in which they are resolved."""
    return [call for inner in dependant.dependencies for call in (*dependencies_of(inner), inner.call)]


def test_callers_are_known_before_a_connection_is_taken(settings: Settings) -> None:
    """Looking up a key or a subject takes one too: whoever holds one already may wait for a pool that is empty."""
    late = []
    for context in iter_route_contexts(create_app(settings).routes):
        if isinstance(context.original_route, APIRoute):
            found = dependencies_of(context.dependant)
            markers = [at for at, call in enumerate(found) if call in MARKERS]
            connections = [at for at, call in enumerate(found) if call in (open_transaction, open_reader)]
            if connections and connections[0] < markers[0]:
                late.append(str(context.path))
    assert not late, f"put the caller before tx and reader in the signatures of {late}"


async def harmless() -> None:
    """A dependency that marks nothing."""


def unmarked_router() -> APIRouter:
    routes = APIRouter()

    @routes.get("/forgotten")
    async def forgotten(_x: Annotated[None, Depends(harmless)]) -> None: ...

    @routes.websocket("/forgotten/live")
    async def live() -> None: ...

    return routes


def test_an_unmarked_route_keeps_the_api_from_starting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "TABLE", [*table.TABLE, ("/api", unmarked_router())])
    with pytest.raises(RuntimeError, match="/api/forgotten, /api/forgotten/live, /forgotten"):
        create_app(settings)


def test_a_marker_of_the_mounting_counts() -> None:
    app = FastAPI()
    app.include_router(unmarked_router(), dependencies=[PublicRoute])
    assert unmarked_routes(app.routes) == []
