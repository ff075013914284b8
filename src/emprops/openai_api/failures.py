"""What can go wrong, in the words of OpenAI's API: ``{"error": {"message", "type", "param", "code"}}``."""

from collections.abc import Mapping
from typing import Any, Final

from emprops.errors import (
    AppError,
    BadRequestError,
    NotEnoughCreditsError,
    NotFoundError,
    QuotaExceededError,
    SpendingLimitError,
    TooManyRequestsError,
)
from emprops.kit.web.doors import Door, Failed, Told, sentence_of
from emprops.orchestrator.start.moderated import ModerationBlockedError

PREFIX: Final = "/v1"
INVALID: Final = "invalid_request_error"
SERVER: Final = "server_error"
DO_NOT_RETRY: Final = {"x-should-retry": "false"}
"""The official clients send a request again after some failures. This keeps them from starting, and paying, twice."""


class ParameterError(BadRequestError):
    """A parameter of OpenAI's API has a value that the model does not take."""

    code = "invalid_value"

    def __init__(self, parameter: str, sentence: str) -> None:
        super().__init__(sentence, extra={"param": parameter})


class MissingParameterError(ParameterError):
    """A parameter of OpenAI's API is needed."""

    code = "missing_required_parameter"


class UnknownParameterError(BadRequestError):
    """A parameter is neither one of OpenAI's API nor a variable of the model."""

    code = "unknown_parameter"

    def __init__(self, parameter: str, sentence: str) -> None:
        super().__init__(sentence, extra={"param": parameter})


class ModelNotFoundError(NotFoundError):
    """There is no such model, or the caller may not use it."""

    code = "model_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such model; GET /v1/models lists them.", extra={"param": "model"})


class GenerationFailedError(AppError):
    """The job of a request failed; the sentence says why. It has cost nothing."""

    status = 422
    code = "generation_failed"


class ConversionError(AppError):
    """The picture was made, and cannot be given in the format asked for; the sentence says why."""

    status = 422
    code = "conversion_failed"


class StillRunningError(AppError):
    """The job of a request has not ended in time, or the server stops. It goes on."""

    status = 504
    code = "still_running"


WORDS: Final[Mapping[str, tuple[int, str, str]]] = {
    "unauthorized": (401, INVALID, "invalid_api_key"),
    "forbidden": (403, INVALID, "forbidden"),
    NotEnoughCreditsError.code: (429, "insufficient_quota", "insufficient_quota"),
    SpendingLimitError.code: (429, "insufficient_quota", "insufficient_quota"),
    QuotaExceededError.code: (429, "requests", "rate_limit_exceeded"),
    TooManyRequestsError.code: (429, "requests", "rate_limit_exceeded"),
    ModerationBlockedError.code: (400, "image_generation_user_error", "moderation_blocked"),
    GenerationFailedError.code: (422, SERVER, GenerationFailedError.code),
}
"""Our codes that it has other words for: status, type, code."""
FINAL: Final = frozenset(
    {"insufficient_quota", StillRunningError.code, GenerationFailedError.code, ConversionError.code}
)
"""What the same request will not change."""
MISSING: Final = "is required"


def translate(failed: Failed) -> Told:
    """Return a failure as a client of OpenAI's API expects it."""
    kind = INVALID if failed.status < 500 else SERVER
    status, kind, code = WORDS.get(failed.code, (failed.status, kind, failed.code))
    param, message = failed.extra.get("param"), sentence_of(failed)
    details = failed.extra.get("details")
    if isinstance(details, list) and details:  # of a body that does not have the documented form
        param = details[0]["field"] or None
        missing = details[0]["problem"] == MISSING
        code = MissingParameterError.code if missing else ParameterError.code
    elif failed.code == "invalid_variables" and isinstance(details, Mapping):
        param = next(iter(details), None)
        message = "; ".join(f"{name} {problem}" for name, problem in details.items()) + "."
        code = ParameterError.code
    elif failed.code == NotFoundError.code and failed.sentence.startswith("There is no "):
        code = "unknown_url"
    error: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
    return Told(status, {"error": error}, DO_NOT_RETRY if code in FINAL else {})


OPENAI_API: Final = Door(PREFIX, translate)
