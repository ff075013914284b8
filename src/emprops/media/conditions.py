"""Conditional requests for stored files, in the order that RFC 9110 §13.2.2 lays down."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal

Decision = Literal[200, 304, 412]
_TAG = re.compile(r'(W/)?("[^"]*")')


def decide(headers: Mapping[str, str], etag: str, modified: datetime | None) -> Decision:
    """Decide on a GET or HEAD: 200 to send the file, 304 if the client has it, 412 if it asked for another version.

    ``headers`` have lower-case names; ``etag`` is quoted. A date that is none is ignored; one without a file's time
    to compare it with, too.
    """
    if "if-match" in headers:
        if not _names(headers["if-match"], etag, weak_too=False):
            return 412
    elif (since := _date(headers.get("if-unmodified-since"))) and modified and modified.replace(microsecond=0) > since:
        return 412
    if "if-none-match" in headers:
        return 304 if _names(headers["if-none-match"], etag, weak_too=True) else 200
    since = _date(headers.get("if-modified-since"))
    return 304 if since and modified and modified.replace(microsecond=0) <= since else 200


def range_applies(headers: Mapping[str, str], etag: str, modified: datetime | None) -> bool:
    """Return whether ``Range`` counts: without ``If-Range``, or if that names the version there is. A date does so only
    once the second it names has passed, for the file might have changed twice within it."""
    named = headers.get("if-range")
    if named is None:
        return True
    if '"' in named:
        return named.strip() == etag
    date = _date(named)
    return (
        date is not None
        and modified is not None
        and modified.replace(microsecond=0) == date
        and datetime.now(UTC) - modified > timedelta(seconds=1)
    )


def http_date(moment: datetime) -> str:
    """Write a time as HTTP does, in whole seconds."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _names(header: str, etag: str, *, weak_too: bool) -> bool:
    """Return whether a list of entity tags names the version. Weak tags count for ``If-None-Match`` only."""
    if header.strip() == "*":
        return True
    return any(tag == etag and (weak_too or not weak) for weak, tag in _TAG.findall(header))


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
