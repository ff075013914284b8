"""What every reply looks like: ``{"data": …, "error": null}``, or a failure: one sentence, a code, the request id.

Spec: Response Format, Error Responses. The 422 shape of FastAPI never leaves this process.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import orjson
import psycopg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import BaseModel, Field
from redis import exceptions as redis_errors
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from emprops.errors import AppError, BadRequestError, NotFoundError, TooLargeError, UnavailableError
from emprops.kit.database_errors import UNAVAILABLE, is_about_values
from emprops.kit.web.doors import Failed, translated
from emprops.kit.web.methods import allowed_methods
from emprops.kit.web.schema import Schema

Data = TypeVar("Data")
log = structlog.get_logger(__name__)

REDIS_UNAVAILABLE = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.ReadOnlyError,
    redis_errors.OutOfMemoryError,
)
MAX_PROBLEMS = 20
MAX_PROBLEM_LENGTH = 300


class Envelope(BaseModel, Generic[Data]):
    """A success."""

    # no Schema: texts under fields cannot be read of a shape that is made for its data
    data: Data = Field(description="What was asked for.")
    error: None = Field(default=None, description="Null: nothing went wrong.")


class Failure(Schema):
    """A failure. Some carry more keys."""

    data: None = None
    """Null: there is none."""
    error: str
    """One sentence for people."""
    code: str
    """A stable word for programs."""
    request_id: str
    """Under which it appears in the logs."""
    message: str | None = None
    """More about it, where the contract has it."""
    userMessage: str | None = None  # noqa: N815 - the contract's spelling
    """A sentence for end users, where the contract has it."""
    details: Any = None
    """What exactly is wrong, where there is more to say."""
    needed: float | None = None
    """Credits that are asked for, of a 402."""
    available: float | None = None
    """Credits that there are, of a 402."""


def ok(data: Data) -> Envelope[Data]:
    """Wrap the data of a successful reply."""
    return Envelope(data=data)


def reply(data: Any, *, status: int = 200) -> Response:
    """Answer with data made of plain values, ids and times, as ``ok`` would but without a walk through models.

    For what is asked often: validating and encoding a list takes longer than everything else about it. The route names
    the shape as its ``response_model``, and the tests hold each answer against that (``tests/conformance.py``).
    """
    body = orjson.dumps({"data": data, "error": None}, option=orjson.OPT_UTC_Z)
    return Response(body, status, media_type="application/json")


def failures(**reasons: str | AppError) -> dict[int | str, dict[str, Any]]:
    """Describe a route's own failures for OpenAPI: ``responses=failures(_402=NotEnoughCreditsError())``.

    A sentence, or an error whose reply is then shown as the example.
    """
    return {int(status[1:]): _described(reason) for status, reason in reasons.items()}


def _described(reason: str | AppError) -> dict[str, Any]:
    if isinstance(reason, str):
        return {"model": Failure, "description": reason}
    example = example_of(reason.message, reason.code, reason.extra)
    return {
        "model": Failure,
        "description": str(reason.extra.get("userMessage", reason.message)),
        "content": {"application/json": {"example": example}},
    }


def example_of(sentence: str, code: str, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Show what a failure looks like."""
    return _body(sentence, code, "0192f3a4-0000-7000-8000-00000000002a", extra)


def _body(sentence: str, code: str, request_id: str, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"data": None, "error": sentence, "code": code, "request_id": request_id, **(extra or {})}


def request_id_of(scope: Scope) -> str:
    """Return the id under which this request appears in logs and replies."""
    return str(scope.get("state", {}).get("request_id", ""))


def failure(
    status: int,
    code: str,
    sentence: str,
    *,
    scope: Scope,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the reply to a failed request, in the form of the API that it is for."""
    request_id = request_id_of(scope)
    told = translated(Failed(scope["path"], status, code, sentence, extra or {}, request_id), scope)
    body = _body(sentence, code, request_id, extra) if told is None else told.body
    return Response(
        orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS),
        status_code=status if told is None else told.status,
        headers={**(headers or {}), **({} if told is None else told.headers)},
        media_type="application/json",
    )


def failure_of(error: AppError, scope: Scope) -> Response:
    """Turn one of our errors into its reply."""
    headers = None if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return failure(error.status, error.code, error.message, scope=scope, extra=error.extra, headers=headers)


def internal_failure(scope: Scope) -> Response:
    """Build the reply to an error that is ours: no word about its cause, only the id to look it up by."""
    sentence = "Something went wrong on our side. Quote the request_id when you report it."
    return failure(500, "internal_error", sentence, scope=scope)


async def _app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101 - registered for this type
    return failure_of(error, request.scope)


async def _http_exception(request: Request, error: Exception) -> Response:
    """404, 405 and the like, raised by the framework itself; OPTIONS of a path that there is is no failure."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = allowed_methods(request.app.routes, request.scope["path"])
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    what = f"{request.method} {request.scope['path'][:200]}"
    code, sentence = {
        400: (BadRequestError.code, "The request could not be read."),
        404: (NotFoundError.code, f"There is no {what}."),
        405: (
            "method_not_allowed",
            f"{what} is not possible; allowed: {headers.get('Allow')}.",
        ),
        413: (TooLargeError.code, str(error.detail)),
    }.get(error.status_code, ("http_error", str(error.detail)))
    return failure(error.status_code, code, sentence, scope=request.scope, headers=headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)  # noqa: S101 - these types
    # a body that several dependencies take is checked for each of them
    items = list({(str(item["loc"]), item["msg"]): item for item in error.errors()}.values())
    problems = [_problem(item) for item in items[:MAX_PROBLEMS]]
    more = len(items) - 1
    sentence = problems[0]["sentence"] + (f" (and {more} more)" if more else "")
    details = [{"field": problem["field"], "problem": problem["problem"]} for problem in problems]
    return failure(400, BadRequestError.code, sentence, scope=request.scope, extra={"details": details})


def _problem(item: Mapping[str, Any]) -> dict[str, str]:
    """Say which field is wrong and why, without repeating what was sent."""
    location = item["loc"]
    where = str(location[0]) if location else "body"
    field = ".".join(str(part)[:80] for part in location[1:])
    text = str(item["msg"]).removeprefix("Value error, ")[:MAX_PROBLEM_LENGTH]
    if where == "body" and not field:
        if item["type"] != "value_error":  # else a rule about several fields, which says what to do
            text = "a JSON body is required" if item["type"] == "missing" else "must be a JSON object"
        return {"field": "body", "problem": text, "sentence": f"Request body: {text}"}
    if item["type"] == "missing":
        text = "is required"
        return {"field": field, "problem": text, "sentence": f"{field} is required"}
    return {"field": field, "problem": text, "sentence": f"{field}: {text}"}


async def _database_error(request: Request, error: Exception) -> Response:
    """PostgreSQL is away (503), or a value was nothing it can store (400)."""
    assert isinstance(error, psycopg.Error)  # noqa: S101 - registered for this type
    if is_about_values(error):
        log.warning("value refused by the database", sqlstate=error.sqlstate, error=str(error).splitlines()[0])
        return failure_of(BadRequestError("A value in the request is outside what can be stored."), request.scope)
    log.warning("database unavailable", sqlstate=error.sqlstate, error=str(error))
    return failure_of(UnavailableError("The database is not available just now. Try again."), request.scope)


async def _redis_error(request: Request, error: Exception) -> Response:
    log.warning("redis unavailable", error=str(error))
    return failure_of(UnavailableError("The job queue is not available just now. Try again."), request.scope)


def add_exception_handlers(app: FastAPI) -> None:
    """Make the envelope the only shape of failure. What is not listed here is a 500, see ``kit/web/asgi.py``."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(WebSocketRequestValidationError, _validation_error)
    for database_error in (*UNAVAILABLE, psycopg.DataError, psycopg.errors.ReadOnlySqlTransaction):
        app.add_exception_handler(database_error, _database_error)
    for redis_error in REDIS_UNAVAILABLE:
        app.add_exception_handler(redis_error, _redis_error)
