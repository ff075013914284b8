"""What every request meets: the envelope, strict bodies, transactions, headers, the guard of local mode."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any
from uuid import UUID

import httpx2
import psycopg
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from redis import exceptions as redis_errors
from starlette.requests import Request
from starlette.responses import StreamingResponse
from structlog.testing import capture_logs

from emprops.auth.dependencies import CurrentUser, PublicRoute
from emprops.errors import CollectionCorruptedError, ConflictError, NotEnoughCreditsError
from emprops.kit.database import Database
from emprops.kit.web.endpoint import Reader, StrictRoute, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging
from emprops.main import create_app
from emprops.settings import Settings

CREDITS_LEFT = "the accounting module's secret"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=20)
    size: Annotated[int, Field(ge=1)] = 1
    inner: dict[str, int] = {}


class SmallUploads(StrictRoute):
    max_body_bytes = 100


FAULTS: dict[str, Exception] = {
    "conflict": ConflictError("The deck is locked."),
    "credits": NotEnoughCreditsError(),
    "corrupted": CollectionCorruptedError(["step 1 has no type"]),
    "postgres": psycopg.OperationalError("server closed the connection"),
    "readonly": psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"),
    "redis": redis_errors.ConnectionError("Connection refused"),
    "redis_slow": redis_errors.TimeoutError("Timeout reading"),
    "bug": RuntimeError(CREDITS_LEFT),
    "wrong_sql": psycopg.errors.UndefinedColumn(CREDITS_LEFT),
}

committed: list[str] = []
routes = router(dependencies=[PublicRoute])
mine = router()
small = router(dependencies=[PublicRoute], route_class=SmallUploads)


@routes.post("/echo")
async def echo(body: Body) -> Envelope[Body]:
    return ok(body)


@routes.post("/maybe")
async def maybe(body: Body | None = None) -> Envelope[bool]:
    return ok(body is not None)


@small.post("/small")
async def small_echo(body: dict[str, Any]) -> Envelope[int]:
    return ok(len(body))


@routes.get("/things/{thing_id}")
async def thing(thing_id: UUID, page: Paging, kind: Annotated[str, Query(max_length=5)] = "") -> Envelope[list[int]]:
    return ok([page.limit, page.offset])


@routes.get("/fail/{fault}")
async def fail(fault: str) -> Envelope[None]:
    raise FAULTS[fault]


@routes.post("/users/{number}")
async def add_user(number: int, tx: Tx, then: str = "") -> Envelope[int]:
    await tx.execute("INSERT INTO app_user (id) VALUES (%s::text::uuid)", [f"00000000-0000-0000-0000-{number:012}"])
    tx.after_commit(lambda: committed.append(str(number)))
    if then == "fail":
        raise ConflictError("no")
    if then == "break":
        raise RuntimeError("bug")
    return ok(number)


@routes.get("/number/{number}")
async def store_number(number: int, reader: Reader) -> Envelope[int]:
    return ok(await reader.fetch_value("SELECT %s::integer", [number]))


@routes.get("/half")
async def half() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("in the middle")

    return StreamingResponse(chunks())


@mine.get("/me")
async def me(user: CurrentUser) -> Envelope[UUID]:
    return ok(user)


@routes.get("/whoami/{name}")
async def whoami(name: str, request: Request) -> Envelope[str]:
    return ok(request.state.request_id)


@pytest.fixture(scope="module")
def bare_app(settings: Settings) -> FastAPI:
    app = create_app(settings)
    app.include_router(routes)
    app.include_router(small)
    app.include_router(mine)
    return app


@pytest.fixture
def extended(app: FastAPI) -> FastAPI:
    committed.clear()
    return app


@pytest.fixture
def api(extended: FastAPI, client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    return client


def check_failure(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert list(body)[:4] == ["data", "error", "code", "request_id"]
    assert body["data"] is None
    assert body["code"] == code
    assert body["request_id"] == response.headers["x-request-id"]
    assert len(body["error"]) > 5
    return body


# --- the envelope


async def test_success_is_data_and_no_error(api: httpx2.AsyncClient) -> None:
    response = await api.post("/echo", json={"name": "a", "inner": {"b": 2**62}})
    assert response.status_code == 200
    assert response.json() == {"data": {"name": "a", "size": 1, "inner": {"b": 2**62}}, "error": None}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("conflict", 409, "conflict"),
        ("postgres", 503, "unavailable"),
        ("readonly", 503, "unavailable"),
        ("redis", 503, "unavailable"),
        ("redis_slow", 503, "unavailable"),
        ("bug", 500, "internal_error"),
        ("wrong_sql", 500, "internal_error"),
    ],
)
async def test_each_fault_has_its_status(api: httpx2.AsyncClient, fault: str, status: int, code: str) -> None:
    with capture_logs():
        response = await api.get(f"/fail/{fault}")
    check_failure(response, status, code)
    assert ("retry-after" in response.headers) == (status == 503)
    assert CREDITS_LEFT not in response.text
    assert "server closed" not in response.text


async def test_failures_the_spec_shows(api: httpx2.AsyncClient) -> None:
    poor = check_failure(await api.get("/fail/credits"), 402, "not_enough_credits")
    assert poor["error"] == "Not enough credits."
    corrupted = check_failure(await api.get("/fail/corrupted"), 400, "COLLECTION_CORRUPTED")
    assert corrupted["error"] == "COLLECTION_CORRUPTED"
    assert corrupted["message"].startswith("This collection contains corrupted data")
    assert corrupted["userMessage"] == "Collection data is corrupted. Please contact support."
    assert corrupted["details"] == {"problems": ["step 1 has no type"]}


async def test_a_bug_is_logged_with_the_id_the_client_sees(api: httpx2.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await api.get("/fail/bug", headers={"X-Request-ID": "trace-77"})
    assert response.json()["request_id"] == "trace-77"
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["request failed"]


async def test_half_a_reply_is_broken_off(api: httpx2.AsyncClient) -> None:
    with capture_logs(), pytest.raises(RuntimeError, match="in the middle"):
        await api.get("/half")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_unknown_paths(api: httpx2.AsyncClient, method: str) -> None:
    check_failure(await api.request(method, "/no/such/path"), 404, "not_found")


async def test_wrong_method_names_the_right_one(api: httpx2.AsyncClient) -> None:
    response = await api.delete("/echo")
    assert "POST" in check_failure(response, 405, "method_not_allowed")["error"]
    assert response.headers["allow"] == "OPTIONS, POST"


# --- bodies


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Request body: a JSON body is required"),
        (b" \r\n", "Request body: a JSON body is required"),
        (b"null", "Request body: must be a JSON object"),
        (b"[]", "Request body: must be a JSON object"),
        (b'"text"', "Request body: must be a JSON object"),
        (b"{}", "name is required"),
        (b'{"name": 1}', "name: Input should be a valid string"),
        (b'{"name": "a", "size": 0}', "size: Input should be greater than or equal to 1"),
        (b'{"name": "a", "inner": {"x": "y"}}', "inner.x: Input should be a valid integer"),
        (b'{"name": "a", "owner": "me"}', "owner: Extra inputs are not permitted"),
        (b'{"name": ', "The body is not valid JSON"),
        (b'{"name": NaN}', "The body is not valid JSON"),
        (b'{"name": "\\u0000"}', "The JSON body contains a NUL character"),
        (b'{"name": "a", "size": 18446744073709551616}', "The JSON body has an integer outside"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "The JSON body is nested deeper than 64 levels"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "The JSON body is nested deeper than 64 levels"),
    ],
)
async def test_bad_bodies_are_400_with_a_sentence(api: httpx2.AsyncClient, content: bytes, sentence: str) -> None:
    response = await api.post("/echo", content=content, headers={"Content-Type": "application/json"})
    body = check_failure(response, 400, response.json()["code"])
    assert body["error"].startswith(sentence)
    assert body["code"] in ("bad_request", "malformed_json")


async def test_what_was_sent_is_not_repeated(api: httpx2.AsyncClient) -> None:
    response = await api.post("/echo", json={"name": "secret" * 1000, "inner": {"k" * 200: "secret" * 1000}})
    body = check_failure(response, 400, "bad_request")
    assert "secret" not in response.text
    assert len(response.content) < 1500
    assert {item["field"].split(".")[0] for item in body["details"]} == {"name", "inner"}


async def test_many_problems_are_cut(api: httpx2.AsyncClient) -> None:
    response = await api.post("/echo", json={"name": "a", "inner": dict.fromkeys(map(str, range(500)), "x")})
    assert len(check_failure(response, 400, "bad_request")["details"]) == 20


async def test_an_optional_body_may_be_missing(api: httpx2.AsyncClient) -> None:
    assert (await api.post("/maybe")).json()["data"] is False
    assert (await api.post("/maybe", json={"name": "a"})).json()["data"] is True
    check_failure(await api.post("/maybe", json={"name": 1}), 400, "bad_request")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
async def test_only_json_is_json(api: httpx2.AsyncClient, kind: str) -> None:
    response = await api.post("/echo", content=b'{"name": "a"}', headers={"Content-Type": kind} if kind else {})
    assert "Content-Type: application/json" in check_failure(response, 415, "unsupported_media_type")["error"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/ld+json"])
async def test_json_has_several_names(api: httpx2.AsyncClient, kind: str) -> None:
    response = await api.post("/echo", content=b'{"name": "a"}', headers={"Content-Type": kind})
    assert response.status_code == 200


async def test_compressed_bodies_are_refused(api: httpx2.AsyncClient) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    check_failure(await api.post("/echo", content=b"\x1f\x8b", headers=headers), 415, "unsupported_media_type")


async def test_large_bodies_are_refused_declared_or_not(api: httpx2.AsyncClient, settings: Settings) -> None:
    large = b'{"name": "' + b"x" * settings.max_body_bytes + b'"}'
    json = {"Content-Type": "application/json"}
    check_failure(await api.post("/echo", content=large, headers=json), 413, "too_large")
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for start in range(0, len(large), 65536):
            read += 1
            yield large[start : start + 65536]
        while True:  # never ends by itself
            read += 1
            yield b"x" * 65536

    check_failure(await api.post("/echo", content=chunks(), headers=json), 413, "too_large")
    assert read * 65536 < settings.max_body_bytes + 3 * 65536
    check_failure(await api.post("/small", json={"a": "x" * 100}), 413, "too_large")
    assert (await api.post("/small", json={"a": "x" * 10})).status_code == 200


async def test_a_body_that_does_not_come_is_given_up(extended: FastAPI, settings: Settings) -> None:
    """Straight ASGI: a client that sends half a body and then nothing."""
    quick = extended.state.resources
    object.__setattr__(quick, "settings", settings.model_copy(update={"body_timeout": 0.05}))
    sent: list[dict[str, Any]] = []
    parts: Iterator[dict[str, Any]] = iter([{"type": "http.request", "body": b'{"na', "more_body": True}])

    async def receive() -> dict[str, Any]:
        part = next(parts, None)
        if part is None:
            await asyncio.Event().wait()
        assert part is not None
        return part

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/echo", "raw_path": b"/echo", "query_string": b""}
    await extended({**scope, "headers": headers, "client": ("127.0.0.1", 1), "server": ("x", 80)}, receive, send)
    assert sent[0]["status"] == 408


# --- URLs and numbers


@pytest.mark.parametrize(
    "url",
    [
        "/things/not-a-uuid",
        "/things/00000000-0000-0000-0000-00000000000",
        "/things/{id}?limit=0",
        "/things/{id}?limit=201",
        "/things/{id}?limit=-1",
        "/things/{id}?limit=x",
        "/things/{id}?limit=",
        "/things/{id}?limit=1e9",
        "/things/{id}?offset=-1",
        "/things/{id}?offset=9223372036854775808",
        "/things/{id}?offset=99999999999999999999999999999999999",
        "/things/{id}?page=0",
        "/things/{id}?page=2147483647&size=200",
        "/things/{id}?limit=1&size=2",
        "/things/{id}?offset=1&page=2",
        "/things/{id}?kind=123456",
        "/things/%00",
        "/things/{id}?kind=%00",
        "/number/2147483648",
        "/number/99999999999999999999999999",
        "/whoami/a%00b",
    ],
)
async def test_bad_urls_are_400(api: httpx2.AsyncClient, url: str) -> None:
    with capture_logs():
        response = await api.get(url.replace("{id}", "00000000-0000-0000-0000-000000000001"))
    check_failure(response, 400, "bad_request")


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", [50, 0]),
        ("?limit=1&offset=7", [1, 7]),
        ("?limit=200", [200, 0]),
        ("?page=3&size=20", [20, 40]),
        ("?page=2", [50, 50]),
        ("?size=5&offset=2", [5, 2]),
        ("?limit=5&size=5", [5, 0]),
    ],
)
async def test_pages(api: httpx2.AsyncClient, query: str, page: list[int]) -> None:
    response = await api.get(f"/things/00000000-0000-0000-0000-000000000001{query}")
    assert response.json()["data"] == page


# --- transactions


async def users(database: Database) -> int:
    async with database.reader() as reader:
        return int(await reader.fetch_value("SELECT count(*) FROM app_user"))


async def test_the_transaction_is_committed_before_the_reply(extended: FastAPI, database: Database) -> None:
    """Looks from another connection at the moment the status line goes out."""
    seen: list[tuple[int, list[str]]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen.append((await users(database), list(committed)))

    scope = {"type": "http", "method": "POST", "path": "/users/7", "raw_path": b"/users/7", "query_string": b""}
    await extended({**scope, "headers": [(b"host", b"testserver")], "server": ("x", 80)}, receive, send)
    assert seen == [(1, ["7"])]


@pytest.mark.parametrize("then", ["fail", "break"])
async def test_an_error_rolls_back_and_forgets(api: httpx2.AsyncClient, database: Database, then: str) -> None:
    with capture_logs():
        response = await api.post(f"/users/1?then={then}")
    assert response.status_code in (409, 500)
    assert await users(database) == 0
    assert committed == []


async def test_a_broken_constraint_is_a_bug_and_not_a_commit(api: httpx2.AsyncClient, database: Database) -> None:
    assert (await api.post("/users/1")).status_code == 200
    with capture_logs():
        check_failure(await api.post("/users/1"), 500, "internal_error")
    assert await users(database) == 1
    assert committed == ["1"]


# --- headers and the guard


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
    assert (await client.get("/me")).json()["data"] == client.headers["user_id"]
