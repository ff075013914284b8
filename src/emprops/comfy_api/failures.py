"""What can go wrong, in the words of Comfy API v2: ``{"error": {"code", "message", "details"}}`` and its codes."""

from collections.abc import Mapping
from typing import Any

from emprops.errors import (
    AppError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    QuotaExceededError,
    TooLargeError,
)
from emprops.kit.web.doors import Door, Failed, Told, sentence_of
from emprops.kit.web.streams import TooManyStreamsError
from emprops.policies.rules import PolicyLimitError

PREFIX = "/v2"
NodeErrors = Mapping[str, list[dict[str, str]]]
"""Node id → what is wrong with it: ``field``, ``reason``, ``message``."""


class WorkflowError(AppError):
    """The graph cannot be run; ``details.node_errors`` says which nodes are wrong, where it is about nodes."""

    status = 422
    code = "invalid_workflow"

    def __init__(self, sentence: str, nodes: NodeErrors | None = None) -> None:
        super().__init__(sentence, extra={"details": {"node_errors": dict(nodes or {})}})


class EditorGraphError(AppError):
    """The graph was saved by ComfyUI's editor, and is not in API form."""

    status = 422
    code = "workflow_format_ui"

    def __init__(self) -> None:
        super().__init__("This graph is in the editor's format. Export it with Workflow → Export (API), and send that.")


class MissingAssetError(AppError):
    """The graph refers to an asset that does not exist, or is not the caller's."""

    status = 422
    code = "missing_asset"


class UnknownBytesError(NotFoundError):
    """The caller has no file with this hash."""

    code = "blob_not_found"

    def __init__(self) -> None:
        super().__init__("You have no file with this hash: upload it.")


class AssetFieldError(AppError):
    """What is said of a file is not of the documented form."""

    status = 422
    code = "invalid_request"


class HashMismatchError(ConflictError):
    """The file is not the one that its hash says it is."""

    code = "hash_mismatch"


class KeyReusedError(AppError):
    """The idempotency key was used before."""

    status = 422
    code = "idempotency_key_reuse"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used before, and counts once: list your jobs to find the one it made, or send a"
            " new key."
        )


class LabelsError(AppError):
    """The job's ``metadata`` is not a small map of texts."""

    status = 422
    code = "metadata_invalid"


class FilterError(BadRequestError):
    """A list is narrowed by something that cannot be a job's ``metadata``."""

    code = "invalid_metadata_filter"


class CursorError(BadRequestError):
    """A list was asked for after a place that it never named."""

    code = "invalid_cursor"

    def __init__(self) -> None:
        super().__init__("This cursor is none of ours; send the next_cursor of the page before, or none.")


OWN_WORDS: Mapping[str, tuple[int, str]] = {
    PolicyLimitError.code: (422, WorkflowError.code),
    QuotaExceededError.code: (429, "queue_full"),
    TooManyStreamsError.code: (429, "too_many_streams"),
    TooLargeError.code: (413, "request_too_large"),
}
"""Our codes that it has other words for, and with which status."""
BY_STATUS = {
    400: "invalid_request",
    401: "unauthorized",
    402: "insufficient_credits",
    403: "forbidden",
    404: "not_found",
    429: "rate_limited",
}
"""One word for all failures of a status, whatever our own codes are."""
KEPT = frozenset({FilterError.code, CursorError.code, UnknownBytesError.code})
"""Codes that stay although their status has one word."""


def translate(failed: Failed) -> Told:
    """Return a failure as a client of Comfy API v2 expects it."""
    status, code = OWN_WORDS.get(failed.code, (failed.status, failed.code))
    if status >= 500:
        code = "upstream_error"
    elif code not in KEPT and failed.code not in OWN_WORDS:
        code = BY_STATUS.get(status, code)
    return Told(status, {"error": {"code": code, "message": sentence_of(failed), "details": _details(failed)}})


def _details(failed: Failed) -> dict[str, Any] | None:
    details = failed.extra.get("details")
    more = {name: failed.extra[name] for name in ("needed", "available") if name in failed.extra}
    if isinstance(details, Mapping):
        return {**details, **more}
    return {"problems": details, **more} if details else more or None


COMFY_API = Door(PREFIX, translate)
