"""Pages of other origins: shut out unless they are named, and then let in by every reply."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import redis.asyncio
from tests.apps import api, client_of, served
from tests.factories import make_job

from emprops.kit.database import Database
from emprops.main import create_app
from emprops.settings import Settings, SettingsError

APP = "https://app.example.com"
DEV = "http://dev.example:5173"
EVIL = "https://app.example.com.evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "user_id,content-type"}


@pytest.fixture
async def open_client(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    named = settings.model_copy(update={"cors_origins": f"{APP}, {DEV}/"})
    async with api(named, database, redis, tmp_path) as app, client_of(app) as client:
        yield client


async def test_nobody_is_let_in_unless_named(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/api/workflows", headers={"Origin": APP})
    assert not [name for name in reply.headers if name.startswith("access-control")]
    preflight = await client.options("/outputs", headers={"Origin": APP, **PREFLIGHT})
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize("origin", [APP, DEV])
async def test_a_preflight_needs_no_caller(open_client: httpx2.AsyncClient, origin: str) -> None:
    preflight = await open_client.options("/decks/of-somebody", headers={"Origin": origin, **PREFLIGHT})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "user_id,content-type"
    assert "access-control-allow-credentials" not in preflight.headers


@pytest.mark.parametrize("origin", [EVIL, "null", "http://app.example.com", "https://app.example.com:8443"])
async def test_others_stay_out(open_client: httpx2.AsyncClient, origin: str) -> None:
    preflight = await open_client.options("/outputs", headers={"Origin": origin, **PREFLIGHT})
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in (await open_client.get("/health", headers={"Origin": origin})).headers
    assert (await open_client.post("/decks", json={}, headers={"Origin": origin})).status_code == 403


async def test_failures_can_be_read_too(open_client: httpx2.AsyncClient) -> None:
    headers = {"Origin": APP}
    refused = [
        await open_client.post("/decks", json={}, headers=headers),  # nobody is calling
        await open_client.get("/files/nothing.png", headers=headers),
        await open_client.get("/health?a=%00", headers=headers),  # refused by the guard
    ]
    assert [reply.status_code for reply in refused] == [401, 404, 400]
    for reply in refused:
        assert reply.headers["access-control-allow-origin"] == APP
        assert "X-Request-ID" in reply.headers["access-control-expose-headers"]


async def test_pages_can_resume_uploads(open_client: httpx2.AsyncClient) -> None:
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "upload-offset,tus-resumable"}
    preflight = await open_client.options("/assets/uploads/x", headers={"Origin": APP, **asked})
    assert preflight.status_code == 200
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "upload-offset" in preflight.headers["access-control-allow-headers"].lower()
    shown = (await open_client.get("/health", headers={"Origin": APP})).headers["access-control-expose-headers"]
    assert {"Location", "Upload-Offset", "Upload-Length", "Asset-Id"} <= set(shown.split(", "))


async def test_caches_keep_origins_apart(open_client: httpx2.AsyncClient) -> None:
    for headers in ({}, {"Origin": APP}, {"Origin": EVIL}):
        assert "Origin" in (await open_client.get("/files/nothing.png", headers=headers)).headers["vary"]


async def test_streams_can_be_read(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx, status="completed", progress=100)
    named = settings.model_copy(update={"cors_origins": APP})
    async with api(named, database, redis, tmp_path) as app, served(app) as client:
        headers = {"Origin": APP, "user_id": str(job.user_id)}
        reply = await client.get(f"/api/jobs/{job.id}/stream", headers=headers)
    assert reply.headers["access-control-allow-origin"] == APP
    assert "event: job_update" in reply.text


@asynccontextmanager
async def bare(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(create_app(settings)) as client:
        yield client


async def test_production_may_let_everybody_in() -> None:
    settings = Settings(mode="production", jwt_secret="u7Wq2ZkT9vN4xB6mR8cJ1hL3pF5sD0gY", cors_origins="*")
    async with bare(settings) as client:
        assert (await client.get("/health", headers={"Origin": EVIL})).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("origins", "sentence"),
    [
        ("*", "name the origins"),
        (f"{APP},*", "name the origins"),
        ("app.example.com", "is no origin"),
        ("https://app.example.com/path", "is no origin"),
        ("https://*.example.com", "is no origin"),
        ("https://App.example.com", "is no origin"),
        ("https://user@app.example.com", "is no origin"),
        ("https://app.example.com:port", "is no origin"),
        ("file:///a", "is no origin"),
        ("null", "is no origin"),
    ],
)
def test_what_keeps_the_api_from_starting(settings: Settings, origins: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as refusal:
        create_app(settings.model_copy(update={"cors_origins": origins}))
    assert "\n" not in str(refusal.value)
