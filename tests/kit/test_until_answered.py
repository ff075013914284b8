"""What lasts until a reply was sent."""

from collections.abc import Callable

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from emprops.errors import ConflictError
from emprops.kit.web.asgi import RequestShell, until_answered
from emprops.kit.web.endpoint import router
from emprops.kit.web.envelope import add_exception_handlers


class Told(Response):
    """A reply that calls something after it was sent."""

    def __init__(self, sent: Callable[[], None]) -> None:
        super().__init__(b"done")
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)
        self._sent()


def app_of(order: list[str], error: Exception | None) -> FastAPI:
    app = FastAPI()
    app.add_middleware(RequestShell, headers={}, guard=lambda _: None)
    add_exception_handlers(app)
    routes = router()

    @routes.get("/")
    async def endpoint(request: Request) -> Response:
        stack = until_answered(request.scope)
        stack.callback(order.append, "first entered")
        until_answered(request.scope).callback(order.append, "last entered")
        if error is not None:
            raise error
        return Told(lambda: order.append("sent"))

    app.include_router(routes)
    return app


@pytest.mark.parametrize(
    ("error", "status"), [(None, 200), (ConflictError("no"), 409), (RuntimeError("broken"), 500)], ids=repr
)
async def test_it_ends_after_the_reply_whatever_that_is(error: Exception | None, status: int) -> None:
    order: list[str] = []
    transport = httpx2.ASGITransport(app=app_of(order, error), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for _ in range(2):
            assert (await client.get("/")).status_code == status
    assert order == [*(["sent"] if error is None else []), "last entered", "first entered"] * 2


async def test_it_ends_when_nobody_is_left_to_get_the_reply() -> None:
    order: list[str] = []

    async def lost(_: Message) -> None:
        raise ClientDisconnect

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "scheme": "http"}
    await app_of(order, None)(scope, receive, lost)
    assert order == ["last entered", "first entered"]
