"""HEAD, OPTIONS and Allow on the api's own routes."""

import asyncio
from uuid import UUID, uuid4

import httpx2
import pytest
from tests.factories import make_job
from tests.kit.conftest import USER

from emprops.kit.database import Database


@pytest.mark.parametrize("path", ["/api/workflows", "/health", "/outputs/0192f0c8-0000-7000-8000-00000000000f"])
async def test_head_has_the_status_and_headers_of_get(path: str, client: httpx2.AsyncClient) -> None:
    got, head = await client.get(path), await client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    same = ("content-type", "cache-control", "x-content-type-options")
    assert [head.headers[name] for name in same] == [got.headers[name] for name in same]
    if got.status_code == 200:
        assert head.headers["content-length"] == str(len(got.content))


async def test_head_of_a_stream_ends(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx, UUID(USER))
    async with asyncio.timeout(5):  # this client returns when the endpoint has ended, not with the last byte
        head = await client.head(f"/api/jobs/{job.id}/stream")
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")


async def test_head_changes_nothing_and_is_no_way_around_the_caller(client: httpx2.AsyncClient) -> None:
    assert (await client.head("/decks", headers={"user_id": "nonsense"})).status_code == 400
    assert (await client.head("/credits/grant")).status_code == 405


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_allow_names_the_methods_of_all_routes_of_a_path(prefix: str, client: httpx2.AsyncClient) -> None:
    path = f"{prefix}/decks/{uuid4()}"
    refused = await client.put(path, json={})
    assert refused.status_code == 405
    assert refused.json()["code"] == "method_not_allowed"
    assert refused.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
    options = await client.options(path)
    assert (options.status_code, options.content) == (204, b"")
    assert options.headers["allow"] == refused.headers["allow"]


async def test_options_of_nothing_is_404(client: httpx2.AsyncClient) -> None:
    assert (await client.options("/nothing/here")).status_code == 404
