"""How long a client is ready to wait for a reply: ``?wait=30``, or the header ``Prefer: wait=30`` (RFC 7240)."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final

from fastapi import Header, Query
from starlette.requests import Request

from emprops.kit.web.endpoint import resources_of

LONGEST: Final = 60
"""Seconds."""
APPLIED: Final = "Preference-Applied"
APPLIED_HEADER: Final[dict[str, Any]] = {
    APPLIED: {"description": "How long the reply was waited for: `wait=30`.", "schema": {"type": "string"}}
}
"""How OpenAPI describes it."""

_PREFERENCE = re.compile(r'\s*wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))\s*(?:;.*)?', re.ASCII | re.IGNORECASE)

WaitQuery = Annotated[
    int | None, Query(alias="wait", ge=0, le=LONGEST, description="Seconds to wait for the job's end; 0: not at all.")
]
PreferHeader = Annotated[
    str | None,
    Header(alias="Prefer", description=f"`wait=30`: the same as a header (RFC 7240); at most {LONGEST} count."),
]


def preferred_wait(headers: Iterable[str]) -> int | None:
    """Return the seconds that ``Prefer`` headers ask to wait; None if they do not. Other preferences are ignored, and
    so is what cannot be read, as the RFC has it."""
    for preference in ",".join(headers).split(","):
        found = _PREFERENCE.fullmatch(preference)
        if found:
            return min(int(found[1] or found[2]), LONGEST)
    return None


def seconds_to_wait(request: Request, wait: int | None) -> float:
    """Return how many seconds a request may wait, of those that it asks for in its query or by its header; 0: not at
    all. An endpoint declares both, ``wait: WaitQuery = None, _prefer: PreferHeader = None``."""
    asked = preferred_wait(request.headers.getlist("prefer")) if wait is None else wait
    return min(asked or 0, resources_of(request).settings.wait_longest)
