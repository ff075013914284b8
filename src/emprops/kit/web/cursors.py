"""Lists that go on after a row, however many rows come before it: ``cursor`` of a request, ``next_cursor`` of a reply.

A cursor names a row by what lists are sorted by, its time and its id. It says nothing else, so it holds in both
directions, and also when its row is gone.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, Protocol, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from emprops.errors import BadRequestError
from emprops.kit.web.envelope import Envelope
from emprops.kit.web.paging import Page, Paging

Item = TypeVar("Item")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_COUNTED = 10_000
"""So many rows are counted; of more, it is only known that there are more."""


class Listed(Envelope[list[Item]], Generic[Item]):
    """A part of a list."""

    next_cursor: str | None = Field(description="Send it as `cursor` for what follows; null: nothing does.")
    total: int | None = Field(description="How many there are in all; null unless `count=true` was sent.")
    total_is_exact: bool | None = Field(
        description=f"False: there are more than `total`, which counts up to {MAX_COUNTED}. Null without a `total`."
    )


class Placed(Protocol):
    """A row of a list."""

    @property
    def id(self) -> UUID:
        """Its id."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""


@dataclass(frozen=True, slots=True)
class Seek:
    """Which part of a list is asked for."""

    page: Page
    after: tuple[datetime, UUID] | None = None
    """The row that comes before it."""
    count: bool = False
    """Whether to say how many there are in all."""


async def seek_of(
    page: Paging,
    cursor: Annotated[
        str | None,
        Query(
            max_length=100,
            description="`next_cursor` of the part before, instead of `offset`; pages deep down cost"
            " what the first one does.",
        ),
    ] = None,
    *,
    count: Annotated[bool, Query(description="Say how many there are in all.")] = False,
) -> Seek:
    """Read the part from the query. Raises :class:`BadRequestError` for a cursor that is none, or has an offset."""
    if cursor is not None and page.offset:
        raise BadRequestError("cursor and offset (or page) exclude each other; send one of them.")
    return Seek(page, None if cursor is None else place_in(cursor), count)


Seeking = Annotated[Seek, Depends(seek_of)]
"""What a list endpoint declares whose rows are sorted by time and id."""


def cursor_of(row: Placed) -> str:
    """Return the cursor after a row."""
    since = (row.created_at - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(since.to_bytes(8, "big", signed=True) + row.id.bytes).decode()


def place_in(cursor: str) -> tuple[datetime, UUID]:
    """Return the time and the id of a cursor's row. Raises :class:`BadRequestError`."""
    try:
        read = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
        return EPOCH + timedelta(microseconds=int.from_bytes(read[:8], "big", signed=True)), UUID(bytes=read[8:])
    except (binascii.Error, ValueError, OverflowError):
        raise BadRequestError("cursor is none that a list gave; leave it out to start at the beginning.") from None


def reply_part(rows: Sequence[Placed], items: list[Any], seek: Seek, counted: int | None) -> Response:
    """Answer with a part of a list. ``rows`` are one more than were asked for if there are more; ``counted``: how many
    there are, up to one more than :data:`MAX_COUNTED`."""
    limit = seek.page.limit
    more = len(rows) > limit
    body = {
        "data": items[:limit],
        "error": None,
        "next_cursor": cursor_of(rows[limit - 1]) if more else None,
        "total": None if counted is None else min(counted, MAX_COUNTED),
        "total_is_exact": None if counted is None else counted <= MAX_COUNTED,
    }
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), media_type="application/json")
