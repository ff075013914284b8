"""The table of URLs, the OpenAPI document, and the two questions of a load balancer."""

import asyncio
from collections.abc import Iterator
from inspect import isasyncgenfunction, iscoroutinefunction
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from tests.engines import Engines

from emprops.kit.web.endpoint import StrictRoute
from emprops.main import create_app
from emprops.media.storage import FolderStorage
from emprops.settings import Settings

METHODS = {"get", "post", "put", "patch", "delete"}


def operations(app: FastAPI) -> list[tuple[str, dict[str, Any]]]:
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return [
        (path, operation) for path, item in paths.items() for method, operation in item.items() if method in METHODS
    ]


def test_every_route_answers_under_both_prefixes(settings: Settings) -> None:
    found = {
        (str(context.path), method)
        for context in iter_route_contexts(create_app(settings).routes)
        if isinstance(context.original_route, APIRoute)
        for method in context.methods or ()
    }
    plain = {(path, method) for path, method in found if not path.startswith("/api/")}
    assert plain
    assert {(f"/api{path}", method) for path, method in plain} == found - plain


def test_every_route_reads_bodies_strictly(settings: Settings) -> None:
    for context in iter_route_contexts(create_app(settings).routes):
        if isinstance(context.original_route, APIRoute):
            assert isinstance(context.original_route, StrictRoute), context.path


def test_no_dependency_runs_in_a_thread(settings: Settings) -> None:
    """FastAPI hands plain functions to a thread, which costs more than most of them do."""

    def calls_of(dependant: Dependant) -> Iterator[Any]:
        for inner in dependant.dependencies:
            yield inner.call
            yield from calls_of(inner)

    plain = {
        f"{call.__module__}.{call.__qualname__}"
        for context in iter_route_contexts(create_app(settings).routes)
        if isinstance(context.original_route, APIRoute)
        for call in calls_of(context.dependant)
        if not (iscoroutinefunction(call) or isasyncgenfunction(call))
    }
    assert not plain, "write them as `async def`"


def test_each_route_is_documented_once_with_its_failures(settings: Settings) -> None:
    app = create_app(settings)
    schema = app.openapi()
    assert schema["openapi"].startswith("3.1")
    documented = operations(app)
    assert len({operation["operationId"] for _, operation in documented}) == len(documented)
    spelled = {path.removeprefix("/api") for path, _ in documented}
    assert len(spelled) == len({path for path, _ in documented})
    assert "HTTPValidationError" not in str(schema)
    for path, operation in documented:
        assert {"400", "500", "503"} <= set(operation["responses"]), path
        assert operation.get("description"), path
    assert (
        schema["components"]["securitySchemes"]["user_id"]["name"] == "user_id" if "security" in str(schema) else True
    )


async def test_documents_are_served_outside_production(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json()["info"]["title"] == "EmProps"
    assert (await client.get("/docs")).status_code == 200


async def test_alive_and_ready(client: httpx2.AsyncClient) -> None:
    for prefix in ("", "/api"):
        assert (await client.get(f"{prefix}/health")).json()["data"]["status"] == "ok"
        ready = (await client.get(f"{prefix}/ready")).json()["data"]
        assert ready["parts"] == {"postgresql": "ok", "redis": "ok", "storage": "ok"}
        assert ready["warnings"] == []


async def test_not_ready_says_what_is_missing(
    client: httpx2.AsyncClient, app: FastAPI, engines: Engines, tmp_path: Any
) -> None:
    engines.kill_redis()
    (tmp_path / "not-a-folder").write_text("")
    object.__setattr__(app.state.resources, "storage", FolderStorage(tmp_path / "not-a-folder"))
    response = await client.get("/ready")
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert response.json()["details"] == {"redis": "away (ConnectionError)", "storage": "a file cannot be stored"}
    assert (await client.get("/health")).status_code == 200


async def test_a_redis_that_may_drop_keys_is_a_warning(client: httpx2.AsyncClient, redis: redis.asyncio.Redis) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        answer = await client.get("/ready")
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    assert answer.status_code == 200
    assert "maxmemory-policy allkeys-lru" in answer.json()["data"]["warnings"][0]


async def test_storage_is_tried_once_for_many_who_ask(
    client: httpx2.AsyncClient, app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[str] = []
    storage = app.state.resources.storage
    put = storage.put_bytes

    async def watched(key: str, *more: Any) -> None:
        stored.append(key)
        await put(key, *more)

    monkeypatch.setattr(storage, "put_bytes", watched)
    answers = await asyncio.gather(*(client.get("/ready") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(stored) == 1
    assert not (tmp_path / stored[0]).exists()


@pytest.mark.parametrize(("revision", "status"), [("0000", 503), ("9999", 200)])
async def test_a_schema_must_not_be_older_than_this_version(
    client: httpx2.AsyncClient, app: FastAPI, revision: str, status: int
) -> None:
    """A newer one is another version's, which is taking over: both serve until it has."""
    database = app.state.resources.database
    async with database.transaction() as tx:
        was = await tx.fetch_value("SELECT version_num FROM alembic_version")
        await tx.execute("UPDATE alembic_version SET version_num = %s", [revision])
    try:
        response = await client.get("/ready")
        assert response.status_code == status
        assert status == 200 or f"needs {was}" in response.json()["details"]["postgresql"]
    finally:
        async with database.transaction() as tx:
            await tx.execute("UPDATE alembic_version SET version_num = %s", [was])


async def test_the_process_opens_and_closes_what_it_needs(settings: Settings, engines: Engines) -> None:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/ready")).status_code == 200
    assert app.state.resources.database.pool.closed


async def test_production_shows_no_documents(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emprops.main.authenticator_for", lambda _settings: None)
    app = create_app(settings.model_copy(update={"mode": "production"}))
    assert app.docs_url is None
    assert app.openapi_url is None
