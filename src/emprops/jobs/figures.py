"""What is asked for of figures of jobs, and how they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Query

from emprops.credits.amounts import to_number
from emprops.errors import BadRequestError
from emprops.jobs.figure_queries import Point, Unit
from emprops.jobs.list_endpoints import in_utc

LONGEST: Final[Mapping[Unit, int]] = {"hour": 31, "day": 366}
"""Days that a series may have."""
USUAL: Final[Mapping[Unit, int]] = {"hour": 1, "day": 30}
"""Days that it has unless it is said where it begins."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in which units."""

    unit: Unit
    since: datetime
    """The beginning of an hour or day."""
    until: datetime


async def span(
    by: Annotated[Unit, Query(description="What each point is of.")] = "hour",
    begin: Annotated[
        datetime | None, Query(alias="from", description="The first hour or day; as usual, one day or 30 days ago.")
    ] = None,
    until: Annotated[datetime | None, Query(description="Before this time; as usual, now.")] = None,
) -> Span:
    """Read what time a series is of. Raises :class:`BadRequestError` if that is too long, or none."""
    end = in_utc("until", until) or datetime.now(UTC)
    try:
        first = in_utc("from", begin) or end - timedelta(days=USUAL[by])
        longest = first + timedelta(days=LONGEST[by])
    except OverflowError:
        raise BadRequestError("from and until are out of range.") from None
    if first >= end:
        raise BadRequestError("from must be before until.")
    if end > longest:
        raise BadRequestError(f"A series by {by} may have {LONGEST[by]} days; ask for less, or in parts.")
    first = first.replace(minute=0, second=0, microsecond=0)
    return Span(by, first.replace(hour=0) if by == "day" else first, end)


Spanning = Annotated[Span, Depends(span)]
"""What a series declares."""


def counts_json(counts: Mapping[str, int], since: datetime | None) -> dict[str, Any]:
    """Show counts."""
    shown: dict[str, Any] = {name: counts.get(name, 0) for name in ("pending", "processing", "completed", "failed")}
    return shown | {"since": since}


def series_json(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Show a series."""
    return [
        {
            "at": point.at,
            "jobs": point.jobs,
            "completed": point.completed,
            "failed": point.failed,
            **dict(zip(("wait_p50", "wait_p95"), _rounded(point.waits), strict=True)),
            **dict(zip(("run_p50", "run_p95"), _rounded(point.runs), strict=True)),
            "credits": to_number(point.charged),
        }
        for point in points
    ]


def _rounded(seconds: Sequence[float | None] | None) -> list[float | None]:
    return [None if one is None else round(one, 3) for one in seconds or (None, None)]
