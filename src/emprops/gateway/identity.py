"""What a worker of the gateway is called, and how its claims are bound to its key.

Nothing that a worker sends is a name in Redis as it stands. Its id begins with the public part of its key, and the
fence of its claims is drawn from that id: a token that another key's worker holds does not pass for this one, even if
it became known.
"""

import hashlib
import hmac
import re

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"
"""Names of workers and machines, as they choose them."""
REQUEST = r"[0-9a-f]{32}"
"""What a worker names a call by, so that the call can be repeated."""
TOKEN = r"[0-9a-f]{64}"  # noqa: S105 - its form
_BINDING = 32
"""Hex digits of a token that bind it to the worker; the request's name follows."""


def public_id(key_prefix: str, name: str) -> str:
    """Return the id of a worker or machine in the fleet. Raises ``ValueError`` for a name that is none."""
    if re.fullmatch(NAME, name) is None:
        raise ValueError(f"not a name: {name[:20]!r}")
    return f"{key_prefix}.{name}"


def token_of(worker_id: str, request: str) -> str:
    """Return the fence of what a worker claims with a request."""
    return hashlib.sha256(f"{worker_id}\n{request}".encode()).hexdigest()[:_BINDING] + request


def is_own(worker_id: str, token: str) -> bool:
    """Return whether a token is one that this worker was given, or could have been."""
    return hmac.compare_digest(token, token_of(worker_id, token[_BINDING:]))
