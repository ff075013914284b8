"""What an endpoint gets: the process's resources, a transaction, and a JSON body that was read strictly."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, ClassVar, TypeVar

import orjson
from fastapi import APIRouter, Depends, params
from fastapi.routing import APIRoute
from redis.asyncio import Redis
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Message

from emprops.errors import RequestTimeoutError, UnsupportedMediaTypeError
from emprops.kit.database import Database, Transaction
from emprops.kit.pubsub import Pokes
from emprops.kit.remembered import Remembered
from emprops.kit.storage import Storage, remembered_state
from emprops.kit.web.parts import Part
from emprops.kit.web.streams import Streams
from emprops.kit.web.strict_json import Strictness, parse_json
from emprops.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """What one api process holds open, made once in ``main.py``; on ``app.state.resources``."""

    settings: Settings
    database: Database
    redis: Redis
    pokes: Pokes
    storage: Storage
    streams: Streams
    storage_state: Remembered[Storage, str] = field(default_factory=remembered_state)
    """What ``/ready`` says about storage."""


RESOURCES: Part[Resources] = Part("resources")
Lent = TypeVar("Lent")
_LENT = "lent"


def resources_of(connection: HTTPConnection) -> Resources:
    """Return the process's resources."""
    return RESOURCES.of(connection)


async def entered(connection: HTTPConnection, manager: AbstractAsyncContextManager[Lent]) -> Lent:
    """Enter, in a dependency, what is lent to an endpoint: it ends before the reply is sent, and if the endpoint
    raises. A dependency that yields would cost more than twice as much. What lasts until the reply was sent is entered
    with :func:`~emprops.kit.web.asgi.until_answered`."""
    stack: AsyncExitStack = connection.scope["state"][_LENT]
    return await stack.enter_async_context(manager)


async def open_transaction(connection: HTTPConnection) -> Transaction:
    """Open one transaction for the endpoint: committed before the reply is sent, rolled back if the endpoint raises."""
    return await entered(connection, resources_of(connection).database.transaction())


async def open_reader(connection: HTTPConnection) -> Transaction:
    """Lend the endpoint a connection for reads; given back before the reply is sent."""
    return await entered(connection, resources_of(connection).database.reader())


async def shared_resources(connection: HTTPConnection) -> Resources:
    """Return the process's resources. Asynchronous, because FastAPI runs plain functions in a thread."""
    return resources_of(connection)


Shared = Annotated[Resources, Depends(shared_resources)]
Tx = Annotated[Transaction, Depends(open_transaction)]
"""The only way an endpoint writes."""
Reader = Annotated[Transaction, Depends(open_reader)]


class _ReadRequest(Request):
    """A request whose body was read and parsed before FastAPI looked at it."""

    def __init__(self, request: Request, raw: bytes, document: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._raw = raw
        self._document = document

    async def body(self) -> bytes:
        return self._raw

    async def json(self) -> Any:
        return self._document


async def document_of(request: Request) -> Any:
    """Return the JSON document that came with a request, None if its route takes none or none was sent."""
    return await request.json() if isinstance(request, _ReadRequest) else None


def note(request: HTTPConnection, **values: str) -> None:
    """Have these ids on the request's line in the log."""
    request.scope["state"].setdefault("log", {}).update(values)


class AnsweredError(Exception):
    """Raised by a dependency that has the reply already: the endpoint does not run, the transaction ends in order."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def before_commit(request: Request, action: Callable[[Response], Awaitable[None]]) -> None:
    """Have a successful reply looked at while the endpoint's transaction is still open."""
    request.scope["state"].setdefault("before_commit", []).append(action)


def replace_reply(request: Request, replace: Callable[[Response], Response]) -> None:
    """Have a successful reply, also one that was given before, replaced by another. What that does when it is sent
    happens after the endpoint's transaction."""
    request.scope["state"]["replace_reply"] = replace


async def _answer(handle: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    """Return the reply of an endpoint, once what it was lent has ended."""
    state = request.scope["state"]
    async with AsyncExitStack() as lent:
        state[_LENT] = lent
        try:
            response = await handle(request)
        except AnsweredError as answered:
            response = answered.response
        else:
            if response.status_code < 300:
                for action in state.pop("before_commit", ()):
                    await action(response)
        if response.status_code < 300 and "replace_reply" in state:
            response = state.pop("replace_reply")(response)
    return response


class StrictRoute(APIRoute):
    """A route whose body is bounded, and, where it takes JSON, strict.

    FastAPI turns whatever ``request.json()`` raises into its own 400, so the body is read here, one step before.
    """

    max_body_bytes: ClassVar[int | None] = None
    """Limit of this kind of route; None: ``Settings.max_body_bytes``. Routes for uploads use a subclass."""
    strictness: ClassVar[Strictness | None] = None
    """What is taken of a JSON body; None: by ``Settings.max_json_nodes`` and ``Settings.max_json_depth``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None
        takes_form = takes_body and isinstance(self.body_field.field_info, params.Form)  # type: ignore[union-attr]

        async def handle_strictly(request: Request) -> Response:
            if takes_body:
                settings = resources_of(request).settings
                _refuse_compressed(request)
                if takes_form:
                    request = bounded(request, self.max_body_bytes or settings.max_body_bytes)
                else:
                    request = await self.read(request, settings)
            return await _answer(handle, request)

        return handle_strictly

    async def read(self, request: Request, settings: Settings) -> Request:
        """Read a JSON body. Routes that take it in other ways as well override this; see :func:`with_document`."""
        request = bounded(request, self.max_body_bytes or settings.max_body_bytes)
        try:
            async with asyncio.timeout(settings.body_timeout):
                raw = await request.body()
        except TimeoutError:
            raise RequestTimeoutError(
                f"The request body did not arrive within {settings.body_timeout:g} seconds."
            ) from None
        if not raw.strip(b" \t\r\n"):
            return _ReadRequest(request, b"", None)
        kind = media_type_of(request)
        if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            raise UnsupportedMediaTypeError("Send the body as JSON, with the header 'Content-Type: application/json'.")
        document = parse_json(raw, self.strictness or Strictness(settings.max_json_depth, settings.max_json_nodes))
        return _ReadRequest(request, raw, document)


def with_document(request: Request, document: Any) -> Request:
    """Return the request as if its body were this JSON document."""
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
    scope = {**request.scope, "headers": [*headers, (b"content-type", b"application/json")]}
    return _ReadRequest(Request(scope, request.receive), orjson.dumps(document), document)


def media_type_of(request: Request) -> str:
    """Return the ``Content-Type`` of a request's body in lower case, without parameters; empty if none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def router(
    *,
    prefix: str = "",
    tags: list[str | Enum] | None = None,
    route_class: type[StrictRoute] = StrictRoute,
    **options: Any,
) -> APIRouter:
    """Make a feature's router. Each of its routes must say who may call it, see ``auth/dependencies.py``."""
    return APIRouter(prefix=prefix, tags=tags, route_class=route_class, **options)


def _refuse_compressed(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaTypeError("Compressed request bodies are not accepted; send the body as it is.")


def bounded(request: Request, limit: int, sentence: str = "") -> Request:
    """Count the body while it comes in, and refuse one of more bytes than the limit, with this sentence.

    With an HTTPException, because FastAPI lets nothing else through a form parser.
    """
    too_large = HTTPException(413, sentence or f"The request body is larger than the {limit} bytes allowed here.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_large
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise too_large
        return message

    return Request(request.scope, receive)
