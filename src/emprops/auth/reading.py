"""Which requests only read: what a caller may send who may change nothing."""

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import HTTPConnection

from emprops.kit.web.origin import SAFE_METHODS

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def reads_only(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint that takes POST and changes nothing, such as a ticket or a look-up, so that reading keys may
    call it."""
    endpoint.reads_only = True  # type: ignore[attr-defined]
    return endpoint


def may_read_with(connection: HTTPConnection) -> bool:
    """Return whether a request is one that a key with the scope ``read`` may make, or a session that may only look."""
    return connection.scope["method"] in SAFE_METHODS or hasattr(connection.scope.get("endpoint"), "reads_only")
