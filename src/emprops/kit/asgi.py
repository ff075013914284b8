"""The outermost layer of the api: request id, security headers, HEAD, access log, and the 500 that tells nothing."""

import re
import time
from collections.abc import Callable, Mapping
from typing import cast

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emprops.errors import AppError, NotFoundError
from emprops.kit.envelope import failure_of, internal_failure
from emprops.kit.ids import new_id
from emprops.kit.logging import bound
from emprops.kit.methods import as_get, without_body

log = structlog.get_logger("emprops.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
QUIET_PATHS = frozenset(
    prefix + path
    for prefix in ("", "/api")
    for path in ("/health", "/ready", "/worker/turn", "/worker/wait", "/worker/beat", "/worker/announce")
)
"""What is asked all the time by machines; only its failures are worth a line."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    # Who asks is told by a header that no cache keys on: a shared cache would hand one user's jobs to another.
    "Cache-Control": "no-store",
}

Guard = Callable[[Scope], AppError | None]
_REPLY_HEADERS = "reply_headers"


def add_reply_headers(scope: Scope, headers: Mapping[str, str]) -> None:
    """Have headers sent with whatever the reply to this request will be, a failure included."""
    scope["state"].setdefault(_REPLY_HEADERS, {}).update(headers)


class RequestShell:
    """ASGI middleware around everything. ``guard`` may refuse a request before anything looks at it."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str], guard: Guard) -> None:
        self.app = app
        self.headers = {**SECURITY_HEADERS, **headers}
        self.guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; the lifespan passes through."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if REQUEST_ID.fullmatch(asked) else str(new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        with bound(request_id=request_id):
            await self._handle(scope, receive, send, request_id)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        """Handle a request or a WebSocket. A WebSocket that is refused gets a reply like any other request."""
        status = 0
        began = time.perf_counter()
        method = scope.get("method", "WEBSOCKET")

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "websocket.close" and not status:  # no such route: the framework says no more
                await failure_of(NotFoundError("There is no such WebSocket."), scope)(scope, receive, send_with_headers)
                return
            if message["type"] == "websocket.accept":
                status = 101
            elif message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                self._add_headers(scope, message, request_id)
            await send(message)

        reply = cast("Send", send_with_headers)
        if method == "HEAD":
            scope, reply = as_get(scope), without_body(reply)
        try:
            refusal = self.guard(scope)
            if refusal is not None:
                await failure_of(refusal, scope)(scope, receive, reply)
            else:
                await self.app(scope, receive, reply)
        except ClientDisconnect:
            pass  # nobody is left to answer
        except Exception:
            log.exception("request_failed", method=method, path=_path(scope))
            if status:
                raise  # half a reply is out: the server must break the connection so that it is not taken for a whole
            await internal_failure(scope)(scope, receive, reply)
        finally:
            milliseconds = round((time.perf_counter() - began) * 1000, 1)
            write = log.debug if scope["path"] in QUIET_PATHS and status < 400 else log.info
            write("request", method=method, path=_path(scope), status=status, ms=milliseconds)

    def _add_headers(self, scope: Scope, message: Message, request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        headers["X-Request-ID"] = request_id
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        headers.update(scope["state"].get(_REPLY_HEADERS, {}))


def _path(scope: Scope) -> str:
    """Give the path as it was sent, so that what it encodes cannot write lines into the log."""
    raw = scope.get("raw_path") or b""
    return raw.decode("ascii", "replace").partition("?")[0] or repr(scope["path"])
