"""What the SDK raises, as the errors of connectors."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import structlog

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, RetryableError
from emprops.connectors.hosted import Hide, hidden, status_error

log = structlog.get_logger(__name__)

NAME = "The OpenAI service"
REFUSED = frozenset({"content_filter", "content_policy_violation", "moderation_blocked", "safety_violation"})
"""Error codes that say that the content is the reason."""
SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


@asynccontextmanager
async def translated(hide: Hide) -> AsyncIterator[None]:
    """Raise what goes wrong in the block as :class:`ConnectorError`, without the key in it."""
    try:
        yield
    except openai.OpenAIError as error:
        found = _meaning(error)
    except httpx2.HTTPError as error:
        found = RetryableError(f"{NAME} broke off: {type(error).__name__}.")
    except ValueError as error:  # JSON that is none, in a stream as in an answer
        found = RetryableError(f"{NAME} answered with something that cannot be read: {type(error).__name__}.")
    except (
        AttributeError,
        LookupError,
        TypeError,
    ):  # the SDK checks no shapes
        log.warning("answer malformed", connector="openai", exc_info=True)
        found = FinalError(f"{NAME} gave an answer that is not as documented.")
    except ConnectorError as error:
        found = error
    else:
        return
    raise hidden(found, hide) from None


def _meaning(error: openai.OpenAIError) -> ConnectorError:
    if isinstance(error, openai.APITimeoutError):
        return RetryableError(f"{NAME} did not answer in time.")
    if isinstance(error, openai.APIConnectionError):
        return RetryableError(f"{NAME} could not be reached, or broke off.")
    if isinstance(error, openai.APIStatusError):
        return _of_status(error)
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIResponseValidationError):
        return _of_stream(error)
    return FinalError(f"{NAME} gave an answer that is not as documented: {type(error).__name__}.")


def _of_status(error: openai.APIStatusError) -> ConnectorError:
    body = _object(error.body)
    # A body that is no JSON is somebody's error page: nothing of it helps who reads the error.
    reason = str(body.get("message") or "")
    facts = {"code": body.get("code"), "type": body.get("type"), "param": body.get("param")}
    if facts["code"] in REFUSED:
        return refused(reason, facts)
    if facts["code"] in SPENT or facts["type"] in SPENT:
        return FinalError(f"{NAME} says that the account has no credit left.", details=_given(facts))
    return status_error(NAME, error.status_code, error.response.headers, reason, facts)


def _of_stream(error: openai.APIError) -> ConnectorError:
    body = _object(error.body)
    facts = {"code": body.get("code"), "type": body.get("type"), "param": body.get("param")}
    if facts["code"] in REFUSED:
        return refused(error.message, facts)
    if facts["type"] == "invalid_request_error":
        return BadInputError(f"{NAME} refused the request: {error.message}", details=_given(facts))
    return RetryableError(f"{NAME} failed in the middle of its answer: {error.message}", details=_given(facts))


def refused(reason: str, facts: Mapping[str, Any]) -> FinalError:
    """Make the error of content that the service, or the model, will not make."""
    return FinalError(f"{NAME} refused the content: {reason or 'no reason given'}", details=_given(facts))


def _given(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value}


def _object(body: object) -> Mapping[str, Any]:
    # The SDK gives the inner object of {"error": …}, but only where it is one.
    return body if isinstance(body, dict) else {}
