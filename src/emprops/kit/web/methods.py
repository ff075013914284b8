"""HEAD, OPTIONS and ``Allow`` for every path, drawn from the routes that there are (RFC 9110 §9.3, §10.2.1)."""

from collections.abc import Iterable
from functools import lru_cache
from re import Pattern

from fastapi.routing import iter_route_contexts
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, compile_path
from starlette.types import Message, Scope, Send

_HEADERS_ONLY = "headers_only"


def as_get(scope: Scope) -> Scope:
    """Return a HEAD request as the GET request whose headers it asks for."""
    scope["state"][_HEADERS_ONLY] = True
    return {**scope, "method": "GET"}


def wants_headers_only(connection: HTTPConnection) -> bool:
    """Return whether nobody will see the body, for endpoints whose body is dear to make."""
    return bool(connection.scope.get("state", {}).get(_HEADERS_ONLY))


def without_body(send: Send) -> Send:
    """Send the head of a reply and end it there. A streamed body is told that the client has left."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head


def allowed_methods(routes: Iterable[BaseRoute], path: str) -> str:
    """Return the value of ``Allow``: the methods of all routes with this path, not only of the first."""
    found: set[str] = {"OPTIONS"}
    for context in iter_route_contexts(list(routes)):
        if context.methods and _pattern(str(context.path)).match(path):
            found |= context.methods
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


@lru_cache(maxsize=1024)
def _pattern(path: str) -> Pattern[str]:
    return compile_path(path)[0]
