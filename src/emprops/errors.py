"""What can go wrong, as a client sees it: each error is a type with a status, a code and a sentence.

One handler (``kit/web/envelope.py``) turns them into ``{"data": null, "error": …, "code": …, "request_id": …}``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class AppError(Exception):
    """Something broke inside; the log says what, under the ``request_id``."""

    # the base of every error that a caller may see

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retry_after: int | None = None
    """Seconds after which the same request may succeed (``Retry-After``)."""

    def __init__(self, message: str, *, extra: Mapping[str, Any] | None = None) -> None:
        """Say it in one sentence; ``extra`` adds keys to the failure envelope."""
        super().__init__(message)
        self.message = message
        self.extra: dict[str, Any] = dict(extra or {})


class BadRequestError(AppError):
    """The request cannot be understood or is outside the documented values."""

    status = 400
    code = "bad_request"


class InvalidVariablesError(BadRequestError):
    """One or more generation variables are wrong; ``details`` names each and says why."""

    code = "invalid_variables"

    def __init__(self, details: Mapping[str, str]) -> None:
        super().__init__("Invalid variables", extra={"details": dict(details)})


class WeightNotForUserError(BadRequestError):
    """A weight was given to an API key or a collection, which have no turns of their own."""

    code = "weight_not_for_user"

    def __init__(self, kind: str) -> None:
        named = {"key": "an API key"}.get(kind, f"a {kind}")
        super().__init__(f"Only users take turns, so {named} has no weight; set the user's, or leave `weight` out.")


class CollectionCorruptedError(BadRequestError):
    """The stored collection data cannot be run. ``details`` lists every fault."""

    code = "COLLECTION_CORRUPTED"

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            "COLLECTION_CORRUPTED",
            extra={
                "message": "This collection contains corrupted data and cannot be generated from: "
                + "; ".join(problems),
                "userMessage": "Collection data is corrupted. Please contact support.",
                "details": {"problems": problems},
            },
        )


class UnauthorizedError(AppError):
    """The caller is unknown: the identity is missing or not accepted."""

    status = 401
    code = "unauthorized"


class NotEnoughCreditsError(AppError):
    """The caller cannot pay for the generation.

    ``needed`` and ``available`` are in credits.
    """

    status = 402
    code = "not_enough_credits"

    def __init__(self, needed: float | None = None, available: float | None = None) -> None:
        known = {} if needed is None else {"needed": needed, "available": available}
        super().__init__("Not enough credits.", extra=known)


class SpendingLimitError(AppError):
    """The caller may not spend as much in this day or month.

    ``needed`` and ``available`` are in credits; ``details`` says which limit it is, and when it starts anew.
    """

    status = 402
    code = "spending_limit"

    def __init__(self, sentence: str, *, needed: float, available: float, limit: Mapping[str, Any]) -> None:
        super().__init__(sentence, extra={"needed": needed, "available": available, "details": dict(limit)})


class ForbiddenError(AppError):
    """The request comes from a place that may not make it, no matter who is calling."""

    status = 403
    code = "forbidden"


class NotFoundError(AppError):
    """The object does not exist, or is not the caller's: both look the same."""

    status = 404
    code = "not_found"


class RequestTimeoutError(AppError):
    """The request body did not arrive in time."""

    status = 408
    code = "request_timeout"


class ConflictError(AppError):
    """The request conflicts with the current state."""

    status = 409
    code = "conflict"


class IdempotencyRunningError(ConflictError):
    """Another request with the same idempotency key has not ended yet."""

    code = "idempotency_running"
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still running; send it again in a second.")


class TooLargeError(AppError):
    """The request body is larger than allowed."""

    status = 413
    code = "too_large"


class UnsupportedMediaTypeError(AppError):
    """The request body is of a kind, or compressed in a way, that is not accepted."""

    status = 415
    code = "unsupported_media_type"


class IdempotencyMismatchError(AppError):
    """The idempotency key was used before with another request."""

    status = 422
    code = "idempotency_mismatch"


class TooManyRequestsError(AppError):
    """The caller asks more often, or for more at once, than is allowed."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str, *, wait: int = 1) -> None:
        super().__init__(message)
        self.retry_after = wait


class QuotaExceededError(TooManyRequestsError):
    """A user, API key or collection has as much as it may have.

    ``details`` names the ``quota``, whose it is (``of``), its ``limit``, how much of it is ``used``, and when there is
    room again (``resets_at``; null: once something has ended or was removed).
    """

    code = "quota_exceeded"

    def __init__(self, message: str, *, details: Mapping[str, Any], wait: int) -> None:
        super().__init__(message, wait=wait)
        self.extra = {"details": dict(details)}


class UnavailableError(AppError):
    """A part that the api needs is away; the same request may be sent again."""

    status = 503
    code = "unavailable"
    retry_after = 2  # engines that restart are usually back by then
