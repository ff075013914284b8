"""Pages of a list: ``limit`` and ``offset``, or ``page`` and ``size``."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from emprops.errors import BadRequestError

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_OFFSET = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0


async def page_of(
    limit: Annotated[int | None, Query(ge=1, le=MAX_LIMIT, description="Most results; 50 unless given.")] = None,
    offset: Annotated[int | None, Query(ge=0, le=MAX_OFFSET, description="Results to skip.")] = None,
    page: Annotated[int | None, Query(ge=1, le=MAX_OFFSET, description="Page from 1, instead of `offset`.")] = None,
    size: Annotated[int | None, Query(ge=1, le=MAX_LIMIT, description="Another name of `limit`.")] = None,
) -> Page:
    """Read the page from the query. Raises :class:`BadRequestError` for contradicting parameters."""
    if limit is not None and size is not None and limit != size:
        raise BadRequestError("limit and size mean the same; send one of them.")
    if offset is not None and page is not None:
        raise BadRequestError("offset and page exclude each other; send one of them.")
    length = limit or size or DEFAULT_LIMIT
    start = offset or 0
    if page is not None:
        start = (page - 1) * length
        if start > MAX_OFFSET:
            raise BadRequestError(f"page is too large: it starts beyond result {MAX_OFFSET}.")
    return Page(limit=length, offset=start)


Paging = Annotated[Page, Depends(page_of)]
"""What a list endpoint declares."""
