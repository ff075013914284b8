"""The signature of Mux's webhooks: ``Mux-Signature: t=<unix time>,v1=<hex>``, HMAC-SHA256 over ``t.body``."""

import hashlib
import hmac
import re

WINDOW = 300
"""Seconds by which the signed time may differ from ours: what is older is a replay."""
_HEADER = re.compile(r"[ -~]{1,1000}")
_TIME = re.compile(r"\d{1,12}")


def sign(secret: str, body: bytes, at: int) -> str:
    """Make the header's value."""
    return f"t={at},v1={_digest(secret, body, str(at))}"


def is_genuine(secret: str, header: str, body: bytes, now: float) -> bool:
    """Return whether the raw body was signed with the secret, about now. Unknown parts of the header are ignored."""
    if not secret or not _HEADER.fullmatch(header):
        return False
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or abs(now - int(times[0])) > WINDOW:
        return False
    wanted = _digest(secret, body, times[0]).encode()
    return any(hmac.compare_digest(wanted, value.encode()) for name, _, value in parts if name == "v1")


def _digest(secret: str, body: bytes, at: str) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
