"""The outermost layer of the api: request id, security headers, HEAD, access log, and the 500 that tells nothing."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import lru_cache
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emprops.errors import AppError, NotFoundError
from emprops.kit.ids import new_id
from emprops.kit.telemetry import tracing
from emprops.kit.telemetry.logging import bound
from emprops.kit.telemetry.metrics import LATENCIES, OTHER, counter, histogram
from emprops.kit.web.envelope import failure_of, internal_failure
from emprops.kit.web.methods import as_get, without_body

log = structlog.get_logger("emprops.access")

ID = re.compile(r"[0-9A-Fa-f-]{32,36}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
QUIET_PATHS = frozenset(
    prefix + path
    for prefix in ("", "/api")
    for path in ("/health", "/ready", "/metrics", "/worker/turn", "/worker/wait", "/worker/beat", "/worker/announce")
)
"""What is asked all the time by machines; only its failures are worth a line."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
ABOUT = ("job_id",)
"""Path parameters by which log lines are searched; only ids, as anything else could write lines of its own."""

REQUESTS = counter("http_requests", "Requests, by the template of their path.", "method", "route", "status")
SECONDS = histogram("http_request_seconds", "Time until a reply began.", "method", "route", buckets=LATENCIES)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    # Who asks is told by a header that no cache keys on: a shared cache would hand one user's jobs to another.
    "Cache-Control": "no-store",
}

Guard = Callable[[Scope], AppError | None]
Header = tuple[bytes, bytes]
_REPLY_HEADERS = "reply_headers"
_WAITED = "waited"
_LASTING = "lasting"


def add_reply_headers(scope: Scope, headers: Mapping[str, str]) -> None:
    """Have headers sent with whatever the reply to this request will be, a failure included."""
    scope["state"].setdefault(_REPLY_HEADERS, {}).update(_encoded(headers))


def _encoded(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return headers as ASGI has them."""
    return {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}


def note_wait(scope: Scope, seconds: float) -> None:
    """Leave out of a request's time in metrics what it waited because it was asked to."""
    scope["state"][_WAITED] = seconds


def until_answered(scope: Scope) -> ExitStack:
    """Return what ends once the reply to a request was sent, or cannot be sent any more."""
    stack: ExitStack = scope["state"].setdefault(_LASTING, ExitStack())
    return stack


class RequestShell:
    """ASGI middleware around everything. ``guard`` may refuse a request before anything looks at it."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str], guard: Guard) -> None:
        self.app = app
        self.usual = list(_encoded({**SECURITY_HEADERS, **headers}).items())
        self.guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; the lifespan passes through."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if REQUEST_ID.fullmatch(asked) else str(new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        add_reply_headers(scope, {"X-Request-ID": request_id})
        with bound(request_id=request_id):
            await self._handle(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or a WebSocket. A WebSocket that is refused gets a reply like any other request."""
        method = str(scope.get("method", "WEBSOCKET"))
        if method == "HEAD":
            scope, send = as_get(scope), without_body(send)
        reply = _Reply(scope, receive, send, self.usual)
        with _span(scope, method) as span:
            try:
                refusal = self.guard(scope)
                if refusal is not None:
                    await failure_of(refusal, scope)(scope, receive, reply.send)
                else:
                    await self.app(scope, receive, reply.send)
            except ClientDisconnect:
                pass  # nobody is left to answer
            except Exception:
                log.exception("request failed", method=method, path=_path(scope))
                if reply.status:
                    raise  # half a reply is out: the server must break the connection so that it is not taken for whole
                await internal_failure(scope)(scope, receive, reply.send)
            finally:
                if _LASTING in scope["state"]:
                    scope["state"][_LASTING].close()
                _note(scope, method, reply, span)


class _Reply:
    """The reply on its way out: gets its headers, and is noted."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, usual: Iterable[Header]) -> None:
        self.status = 0
        self.began = time.perf_counter()
        self.answered: float | None = None
        """Seconds until the reply began; None: there was none."""
        self._scope = scope
        self._receive = receive
        self._send = send
        self._usual = usual

    async def send(self, message: Message) -> None:
        """Send one message."""
        kind = message["type"]
        if kind == "websocket.close" and not self.status:  # no such route: the framework says no more
            missing = failure_of(NotFoundError("There is no such WebSocket."), self._scope)
            await missing(self._scope, self._receive, self.send)
            return
        if kind == "websocket.accept":
            self._begins(101)
        elif kind in {"http.response.start", "websocket.http.response.start"}:
            self._begins(message["status"])
            message = {**message, "headers": self._completed(message.get("headers", ()))}
        await self._send(message)

    def _completed(self, headers: Iterable[Header]) -> list[Header]:
        """Return the headers of a reply with those that were noted for it, and the usual ones that it lacks."""
        noted = self._scope["state"][_REPLY_HEADERS]
        complete = [header for header in headers if header[0] not in noted] + list(noted.items())
        present = {name for name, _ in complete}
        return complete + [header for header in self._usual if header[0] not in present]

    def _begins(self, status: int) -> None:
        self.status = status
        self.answered = time.perf_counter() - self.began - self._scope["state"].get(_WAITED, 0.0)


def _span(scope: Scope, method: str) -> AbstractContextManager[Any]:
    """Open the request's span, below the one of its sender if it names one; none for requests that only look."""
    if not tracing.enabled() or scope["path"] in QUIET_PATHS:
        return nullcontext()
    return tracing.span(
        method,
        {"http.request.method": method, "emprops.request_id": scope["state"]["request_id"]},
        parent=Headers(scope=scope).get("traceparent", ""),
        kind="server",
    )


@lru_cache(maxsize=4096)
def _counts(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Find what counts such requests, which the library takes longer for than to count."""
    return REQUESTS.labels(method, route, str(status or "closed")), SECONDS.labels(method, route)


def _note(scope: Scope, method: str, reply: _Reply, span: Any) -> None:
    """Log a request that is over, and count it."""
    milliseconds = round((time.perf_counter() - reply.began) * 1000, 1)
    label, route = method if method in METHODS else OTHER, getattr(scope.get("route"), "path", "none")
    count, seconds = _counts(label, route, reply.status)
    count.inc()
    if reply.answered is not None:
        seconds.observe(reply.answered)
    if span is not None:
        span.update_name(f"{label} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": reply.status})
        if reply.status >= 500:
            tracing.failed(str(reply.status))
    named = scope.get("path_params", {})
    about = {name: str(named[name]) for name in ABOUT if name in named and ID.fullmatch(str(named[name]))}
    about |= scope["state"].get("log", {})
    write = log.debug if scope["path"] in QUIET_PATHS and reply.status < 400 else log.info
    write("request", method=method, path=_path(scope), status=reply.status, ms=milliseconds, **about)


def _path(scope: Scope) -> str:
    """Return the path as it was sent, so that what it encodes cannot write lines into the log."""
    raw = scope.get("raw_path") or b""
    return raw.decode("ascii", "replace").partition("?")[0] or repr(scope["path"])
