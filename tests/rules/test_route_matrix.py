"""Every route × {nobody, owner, other users of each role, service, worker}, in production mode."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest
import redis
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from tests.apps import client_of
from tests.rules.asking import alike, call, everything
from tests.rules.callers import ROLES, SESSION_ROLES, WORKER, Row
from tests.rules.route_table import TABLE
from tests.rules.world import ASSET_KEY, FILE_KEY, LIVE_WORKER, World, make_world

from emprops.auth import role_store, store
from emprops.auth.dependencies import author
from emprops.auth.keys import make_key
from emprops.auth.limits import LIMITER, RateLimiter
from emprops.auth.session_cookie import COOKIE
from emprops.auth.tokens import make_token
from emprops.kit.database import Database
from emprops.main import SETTINGS, create_app
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.samples import store as samples
from emprops.settings import Settings

SECRET = "u7Wq2ZkT9vN4xB6mR8cJ1hL3pF5sD0gY"
KEY = make_key()
WORKER_KEY = make_key()
SPELLINGS = ("user_id", "user-id", "x-user-id", "USER_ID", "User.Id", "x_user_id", "userid")


@pytest.fixture(scope="module")
async def app(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    """The whole api; nothing moves on its own, so that what changed was changed by a request."""
    folder = tmp_path_factory.mktemp("matrix")
    for key in (FILE_KEY, ASSET_KEY):
        stored = folder / "files" / key
        stored.parent.mkdir(parents=True)
        stored.write_bytes(b"\x89PNG\r\n\x1a\n")
    app = create_app(
        Settings(
            mode="production",
            jwt_secret=SECRET,
            database_url=settings.database_url,
            redis_url=settings.redis_url,
            data_dir=folder,
            upkeep_in_api=False,
            credits_initial=100,
            openai_patience=0.05,
            stream_life=0.5,
        )
    )
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI, database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with database.transaction() as tx:
        for key, scope in ((KEY, "service"), (WORKER_KEY, "worker")):
            await store.add_key(
                tx, prefix=key.prefix, digest=key.digest, name="matrix", scopes=[scope], owner=None, life=None
            )
    await samples.seed(database)
    LIMITER.attach(app, RateLimiter(SETTINGS.get(app)))  # what one row guesses does not count for the next
    async with client_of(app) as client:
        yield client


@pytest.fixture(autouse=True)
def live_worker(settings: Settings, clean: None) -> None:
    with redis.Redis.from_url(settings.redis_url) as client:
        FleetMember(client, settings.queue_prefix).announce(WorkerInfo(LIVE_WORKER, "gpu-1", "idle", {}, 1))


def plain(path: str) -> str:
    return path.removeprefix("/api")


def test_every_route_has_a_row(app: FastAPI) -> None:
    served = {
        (method, plain(str(context.path)))
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute | APIWebSocketRoute)
        for method in context.methods or {"WEBSOCKET"}
    }
    rows = [(row.method, row.path) for row in TABLE]
    missing = sorted(f"{method} {path}" for method, path in served - set(rows))
    assert not missing, f"add a row to tests/rules/route_table.py, which says how, for: {', '.join(missing)}"
    stale = sorted(f"{method} {path}" for method, path in set(rows) - served)
    assert not stale, f"there is no such route any more; take its row out of tests/rules/route_table.py: {stale}"
    assert len(rows) == len(set(rows)), "a route has two rows in tests/rules/route_table.py"
    asking = {
        (method, plain(str(context.path)))
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
        and any(one.call is author for one in context.dependant.dependencies)
        for method in context.methods
    }
    assert asking == {(row.method, row.path) for row in TABLE if row.role == "author"}


@dataclass(frozen=True)
class Attempt:
    """A caller, and what they get."""

    who: str
    headers: Callable[[World], Any]
    status: int
    is_stranger: bool = False


def attempts(row: Row) -> list[Attempt]:
    """Everybody who calls a route: derived from its row alone."""
    owner_as_service = row.who.owner if row.who.service == 401 else row.who.service
    key = {"X-API-Key": KEY.text}
    return [
        Attempt("owner", lambda world: user(world.owner), row.who.owner),
        Attempt("service", lambda _: key, row.who.service),
        Attempt("service for the owner", lambda world: key | {"user_id": str(world.owner)}, owner_as_service),
        *(Attempt(role or "user", stranger(role), row.stranger_gets(role), is_stranger=True) for role in ROLES),
    ]


def stranger(role: str) -> Callable[[World], Any]:
    """Headers of a user who claims to be the owner in every spelling."""
    return lambda world: [*user(world.strangers[role]).items(), *claims(world)]


def claims(world: World) -> list[tuple[str, str]]:
    return [(name, str(world.owner)) for name in SPELLINGS]


def by_session(row: Row, app: FastAPI) -> list[Attempt]:
    """Sessions of each role. Those that may change something do it as the users of :func:`attempts` do."""
    reads = row.method in ("GET", "WEBSOCKET") or (row.method, row.path) in only_reading(app)
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}
    found = []
    for role in SESSION_ROLES:
        status = row.session_gets(role, reads=reads)
        if reads or status >= 400:
            cookie: Callable[[World], Any] = lambda world, role=role: (  # noqa: E731
                headers | {"Cookie": f"{COOKIE}={world.sessions[role]}"}
            )
            found.append(Attempt(f"session of a {role}", cookie, status, is_stranger=True))
    return found


def only_reading(app: FastAPI) -> set[tuple[str, str]]:
    """Routes that take POST and change nothing."""
    return {
        (method, plain(str(context.path)))
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and hasattr(context.original_route.endpoint, "reads_only")
        for method in context.methods or ()
    }


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
async def test_row(row: Row, app: FastAPI, client: httpx2.AsyncClient, database: Database) -> None:
    everybody = attempts(row) + by_session(row, app)
    refused = [one for one in everybody if one.status >= 400]
    welcome = [one for one in everybody if one.status < 400]
    world = await fresh_world(database)
    await refused_get(row, refused, world, client, database)
    for one in welcome:
        response = await call(client, row, world, headers=one.headers(world))
        assert response.status_code == one.status, f"{one.who}: {response.text}"
        if one.is_stranger and row.role not in ("viewer", "operator"):
            shown = [secret for secret in world.secrets if secret in response.text and row.who.nobody == 401]
            assert not shown, f"{one.who} sees what is the owner's: {response.text}"
        if row.method not in ("GET", "WEBSOCKET") and one is not welcome[-1]:
            world = await fresh_world(database)


async def refused_get(
    row: Row, refused: list[Attempt], world: World, client: httpx2.AsyncClient, database: Database
) -> None:
    """Try everybody who is refused, nobody and workers included: nothing may change."""
    before = await everything(database)
    await nobody_gets(row, world, client)
    await worker_gets(row, world, client)
    for one in refused:
        response = await call(client, row, world, headers=one.headers(world))
        assert response.status_code == one.status, f"{one.who}: {response.text}"
        if one.is_stranger and one.status == 404:
            unknown = await call(client, row, world, headers=one.headers(world), unknown=True)
            assert alike(response) == alike(unknown), "a foreign object looks different from an unknown one"
    assert await everything(database) == before, "who was refused changed something"
    if row.role:
        await without_the_role_gets(row, world, client, database)


async def nobody_gets(row: Row, world: World, client: httpx2.AsyncClient) -> None:
    attempts: list[Any] = [{}, claims(world)]
    if row.who.nobody == 401:
        forged = make_token(world.owner, secret=SECRET[::-1], issuer="emprops", audience="emprops", life=60)
        attempts += [{"Authorization": f"Bearer {forged}"}, {"X-API-Key": make_key().text}]
    for prefix in ("", "/api"):
        for headers in attempts:
            response = await call(client, row, world, headers=headers, prefix=prefix)
            assert response.status_code == row.who.nobody, f"nobody, with {headers}: {response.text}"


async def worker_gets(row: Row, world: World, client: httpx2.AsyncClient) -> None:
    for claimed in ([], claims(world)):
        response = await call(client, row, world, headers=[("X-API-Key", WORKER_KEY.text), *claimed])
        if row.who is WORKER:
            assert response.status_code in (200, 400), f"worker: {response.text}"
        else:
            assert response.status_code == (403 if row.who.nobody == 401 else row.who.nobody), (
                f"worker: {response.text}"
            )


async def without_the_role_gets(row: Row, world: World, client: httpx2.AsyncClient, database: Database) -> None:
    """Try the owner and the row's own role once their grants are gone, and give them back."""
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM user_role")
    before = await everything(database)
    for who in (world.owner, world.strangers[row.role]):
        response = await call(client, row, world, headers=user(who))
        assert response.status_code == 403, f"without the role {row.role}: {response.text}"
        assert row.role in response.text
    assert await everything(database) == before, f"a user without the role {row.role} changed something"
    async with database.transaction() as tx:
        for role, who in (("author", world.owner), *world.strangers.items()):
            if role:
                await role_store.grant(tx, who, role, by="the test")


async def fresh_world(database: Database) -> World:
    async with database.transaction() as tx:
        return await make_world(tx)


def user(user_id: UUID) -> dict[str, str]:
    token = make_token(user_id, secret=SECRET, issuer="emprops", audience="emprops", life=60)
    return {"Authorization": f"Bearer {token}"}
