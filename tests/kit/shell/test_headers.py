"""What every request meets: headers, its id, and the guard of local mode."""

from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from tests.kit.shell.rig import check_failure

from emprops.main import create_app
from emprops.settings import Settings


async def test_security_headers(api: httpx2.AsyncClient) -> None:
    for path in ("/health", "/nowhere", "/fail/conflict"):
        headers = (await api.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "x-local-mode" not in headers  # this is test mode


@pytest.mark.parametrize("asked", ["abc-123", "a" * 128])
async def test_a_good_request_id_is_kept(api: httpx2.AsyncClient, asked: str) -> None:
    response = await api.get("/whoami/me", headers={"X-Request-ID": asked})
    assert response.json()["data"] == response.headers["x-request-id"] == asked


@pytest.mark.parametrize("asked", ["", "a" * 129, "a b", "<script>", "a\tb", "ü"])
async def test_a_bad_request_id_is_replaced(api: httpx2.AsyncClient, asked: str) -> None:
    response = await api.get("/whoami/me", headers={"X-Request-ID": asked.encode()})
    UUID(response.headers["x-request-id"])


async def test_paths_cannot_write_log_lines(api: httpx2.AsyncClient) -> None:
    with capture_logs() as logs:
        await api.get("/whoami/a%0Ab")
    assert logs[-1]["path"] == "/whoami/a%0Ab"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:3001"}, 200),
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "[::1]:3001"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "evil.example"}, 400),
        ({"Host": "localhost.evil.example"}, 400),
        ({"Host": "evil.example@localhost"}, 200),  # a browser cannot send it; the name is still ours
        ({"Host": "localhost@evil.example"}, 400),
        ({"Host": "169.254.169.254"}, 400),
        ({"Host": ""}, 400),
        ({"Origin": "http://localhost:5173"}, 200),
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://[bad"}, 403),
    ],
)
async def test_local_mode_answers_its_own_machine_only(
    api: httpx2.AsyncClient, headers: dict[str, str], status: int
) -> None:
    response = await api.post("/maybe", headers=headers)
    assert response.status_code == status
    if "Origin" in headers:
        assert (await api.get("/health", headers=headers)).status_code == 200
    if status == 400:
        check_failure(response, 400, "bad_request")
    if status == 403:
        check_failure(response, 403, "forbidden")


def test_the_public_url_opens_its_host(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"public_url": "https://media.example"}))
    shell = next(item for item in app.user_middleware if "guard" in item.kwargs)
    guard = shell.kwargs["guard"]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"media.example")]}
    assert guard(scope) is None
    assert guard({**scope, "headers": [(b"host", b"other.example")]}) is not None
    assert guard({**scope, "headers": [(b"host", b"media.example")] * 2}) is not None


async def test_local_mode_says_so(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"mode": "local"}))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/health")).headers["x-local-mode"] == "1"


async def test_user_of_marked_route(extended: FastAPI, client: httpx2.AsyncClient) -> None:
    assert (await client.get("/mine")).json()["data"] == client.headers["user_id"]
