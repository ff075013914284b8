"""SQL of the delivery log: what was sent, how it went, and sending it again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page

MAX_COUNTED = 10_000
RECENT = 100


@dataclass(frozen=True, slots=True)
class Logged:
    """A delivery and its last attempt, whose columns are None before the first."""

    event_id: UUID
    event_type: str
    sequence: int
    job_id: UUID | None
    status: str
    attempts: int
    next_at: datetime
    occurred_at: datetime
    ended_at: datetime | None
    last_at: datetime | None
    status_code: int | None
    error: str | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt."""

    number: int
    at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response: str


@dataclass(frozen=True, slots=True)
class Recent:
    """An endpoint's waiting deliveries, counted up to :data:`MAX_COUNTED`, and its last :data:`RECENT` attempts."""

    pending: int
    attempts: int
    failed: int
    median_ms: float | None
    slowest_ms: int | None


LOGGED = """
    SELECT d.event_id, v.type AS event_type, v.sequence, v.job_id, d.status, d.attempts, d.next_at, v.occurred_at,
           d.ended_at, a.at AS last_at, a.status_code, a.error, a.duration_ms
    FROM webhook_delivery d JOIN webhook_event v ON v.id = d.event_id
    LEFT JOIN LATERAL (
        SELECT at, status_code, error, duration_ms FROM webhook_attempt a
        WHERE a.endpoint_id = d.endpoint_id AND a.event_id = d.event_id ORDER BY a.number DESC LIMIT 1
    ) a ON true
"""


async def list_of(reader: Transaction, endpoint_id: UUID, page: Page, *, status: str | None) -> list[Logged]:
    """List an endpoint's deliveries, newest event first."""
    only = "" if status is None else "AND d.status = %(status)s"
    return await reader.fetch_all(
        Logged,
        f"""
        {LOGGED} WHERE d.endpoint_id = %(endpoint_id)s {only}
        ORDER BY d.event_id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"endpoint_id": endpoint_id, "status": status, "limit": page.limit, "offset": page.offset},
    )


async def get(reader: Transaction, endpoint_id: UUID, event_id: UUID) -> Logged | None:
    """Read one delivery."""
    return await reader.fetch_one(
        Logged, f"{LOGGED} WHERE d.endpoint_id = %s AND d.event_id = %s", (endpoint_id, event_id)
    )


async def attempts_of(reader: Transaction, endpoint_id: UUID, event_id: UUID) -> list[Attempt]:
    """List a delivery's attempts, first one first."""
    return await reader.fetch_all(
        Attempt,
        """
        SELECT number, at, duration_ms, status_code, error, response FROM webhook_attempt
        WHERE endpoint_id = %s AND event_id = %s ORDER BY number
        """,
        (endpoint_id, event_id),
    )


async def data_of(reader: Transaction, event_id: UUID) -> str:
    """Read the ``data`` of an event, as JSON text."""
    data: str = await reader.fetch_value("SELECT data::text FROM webhook_event WHERE id = %s", (event_id,))
    return data


async def recent(reader: Transaction, endpoint_id: UUID) -> Recent:
    """Sum up how an endpoint does."""
    found = await reader.fetch_one(
        Recent,
        """
        SELECT (SELECT count(*) FROM (SELECT FROM webhook_delivery WHERE endpoint_id = %(id)s AND status = 'pending'
                                      LIMIT %(most)s) first)::int AS pending,
               count(*)::int AS attempts, count(error)::int AS failed,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS median_ms, max(duration_ms) AS slowest_ms
        FROM (SELECT duration_ms, error FROM webhook_attempt WHERE endpoint_id = %(id)s
              ORDER BY at DESC LIMIT %(recent)s) newest
        """,
        {"id": endpoint_id, "most": MAX_COUNTED, "recent": RECENT},
    )
    assert found is not None  # noqa: S101 - an aggregate always gives a row
    return found


async def replay(tx: Transaction, endpoint_id: UUID, event_id: UUID) -> bool:
    """Have one delivery sent at once, with all its tries ahead of it. False if there is none."""
    return (
        await tx.execute(
            """
            UPDATE webhook_delivery SET status = 'pending', ended_at = NULL, tries = 0, next_at = now()
            WHERE endpoint_id = %s AND event_id = %s
            """,
            (endpoint_id, event_id),
        )
        == 1
    )


async def replay_since(tx: Transaction, endpoint_id: UUID, *, since: datetime, statuses: list[str], limit: int) -> int:
    """Have deliveries of events since a time that ended so sent again, the oldest of them. Returns how many."""
    first = UUID(int=max(0, int(since.timestamp() * 1000)) << 80)  # the ids of events begin with their time
    return await tx.execute(
        """
        UPDATE webhook_delivery SET status = 'pending', ended_at = NULL, tries = 0, next_at = now()
        WHERE endpoint_id = %(id)s AND status = ANY(%(statuses)s) AND event_id = ANY (ARRAY(
            SELECT event_id FROM webhook_delivery
            WHERE endpoint_id = %(id)s AND status = ANY(%(statuses)s) AND event_id >= %(first)s
            ORDER BY event_id LIMIT %(limit)s
        ))
        """,
        {"id": endpoint_id, "first": first, "statuses": statuses, "limit": limit},
    )
