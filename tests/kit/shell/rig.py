"""Routes that show what every request meets, and the check of a failure."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import httpx2
import psycopg
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from redis import exceptions as redis_errors
from starlette.requests import Request
from starlette.responses import StreamingResponse

from emprops.auth.dependencies import CurrentUser, PublicRoute
from emprops.errors import CollectionCorruptedError, ConflictError, NotEnoughCreditsError
from emprops.kit.web.endpoint import Reader, StrictRoute, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging

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


@mine.get("/mine")
async def me(user: CurrentUser) -> Envelope[UUID]:
    return ok(user)


@routes.get("/whoami/{name}")
async def whoami(name: str, request: Request) -> Envelope[str]:
    return ok(request.state.request_id)


def check_failure(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert list(body)[:4] == ["data", "error", "code", "request_id"]
    assert body["data"] is None
    assert body["code"] == code
    assert body["request_id"] == response.headers["x-request-id"]
    assert len(body["error"]) > 5
    return body
