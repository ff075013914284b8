"""SQL of deliveries on their way: take what is due, note how it went, forget what is old."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.webhooks.events import Event
from emprops.webhooks.outcome import Answer


def _endpoints(name: str, condition: str) -> str:
    """Write a recursive query of the endpoints that have such deliveries: one step in an index for each, however many
    deliveries it has."""
    return f"""
    {name} AS (
        (SELECT endpoint_id FROM webhook_delivery WHERE {condition} ORDER BY endpoint_id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.endpoint_id FROM webhook_delivery d
                WHERE {condition} AND d.endpoint_id > before.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
        FROM {name} before WHERE before.endpoint_id IS NOT NULL
    )
    """


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that this process has taken. ``attempts`` and ``tries`` count this one; the secrets are sealed."""

    endpoint_id: UUID
    event_id: UUID
    attempts: int
    tries: int
    url: str
    secret: bytes
    old_secrets: list[bytes]
    sequence: int
    type: str
    occurred_at: datetime
    data: str

    @property
    def event(self) -> Event:
        """What is to be told."""
        return Event(self.event_id, self.sequence, self.type, self.occurred_at, self.data)


async def take_due(tx: Transaction, *, limit: int, width: int, lease: float) -> list[Delivery]:
    """Take deliveries that are due, by turns: the first of each endpoint, then the second of each …

    An endpoint has at most ``width`` on their way at a time over all processes, one if its last attempt failed, none
    while it is disabled or paused. What is not told of within ``lease`` seconds may be taken again. One process takes
    at a time, so that they do not take the same rooms; another one that comes meanwhile gets nothing.
    """
    # two statements: the second must not see what is taken as it was before the lock was there
    if not await tx.fetch_value("SELECT pg_try_advisory_xact_lock(hashtextextended('take_webhooks', 0))"):
        return []
    return await tx.fetch_all(
        Delivery,
        f"""
        WITH RECURSIVE {_endpoints("waiting", "status = 'pending'")}, ready AS (
            SELECT e.id, CASE WHEN e.failures = 0 THEN %(width)s ELSE 1 END - (
                SELECT count(*) FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.taken_until > now()
            ) AS room
            FROM waiting w JOIN webhook_endpoint e ON e.id = w.endpoint_id
            WHERE e.disabled_at IS NULL AND (e.open_until IS NULL OR e.open_until <= now())
        ), due AS (
            SELECT own.* FROM ready, LATERAL (
                SELECT first.*, row_number() OVER (ORDER BY first.next_at) AS turn FROM (
                    SELECT d.endpoint_id, d.event_id, d.next_at FROM webhook_delivery d
                    WHERE d.endpoint_id = ready.id AND d.status = 'pending' AND d.next_at <= now()
                          AND (d.taken_until IS NULL OR d.taken_until <= now())
                    ORDER BY d.next_at LIMIT greatest(ready.room, 0)
                ) first
            ) own
            ORDER BY own.turn, own.next_at LIMIT %(limit)s
        )
        UPDATE webhook_delivery d
        SET attempts = d.attempts + 1, tries = d.tries + 1, taken_until = now() + make_interval(secs => %(lease)s)
        FROM due JOIN webhook_endpoint e ON e.id = due.endpoint_id JOIN webhook_event v ON v.id = due.event_id
        WHERE d.endpoint_id = due.endpoint_id AND d.event_id = due.event_id AND d.status = 'pending'
        RETURNING d.endpoint_id, d.event_id, d.attempts, d.tries, e.url, e.secret,
                  ARRAY(SELECT old.secret FROM webhook_old_secret old
                        WHERE old.endpoint_id = e.id AND old.ends_at > now() ORDER BY old.ends_at DESC) AS old_secrets,
                  v.sequence, v.type, v.occurred_at, v.data::text AS data
        """,
        {"limit": limit, "width": width, "lease": lease},
    )


async def mark_delivered(tx: Transaction, delivery: Delivery) -> bool:
    """End a delivery that was taken, also if somebody else tries it again by now. False if it had ended."""
    return (
        await tx.execute(
            """
            UPDATE webhook_delivery SET status = 'delivered', ended_at = now(), taken_until = NULL
            WHERE endpoint_id = %s AND event_id = %s AND status = 'pending'
            """,
            (delivery.endpoint_id, delivery.event_id),
        )
        == 1
    )


async def mark_failed(tx: Transaction, delivery: Delivery, again_in: float | None) -> bool:
    """Have a delivery tried again after these seconds; None gives it up. False if somebody else has it by now."""
    return (
        await tx.execute(
            """
            UPDATE webhook_delivery
            SET taken_until = NULL,
                status = CASE WHEN %(again)s::float8 IS NULL THEN 'failed' ELSE 'pending' END,
                ended_at = CASE WHEN %(again)s::float8 IS NULL THEN now() END,
                next_at = coalesce(now() + make_interval(secs => %(again)s::float8), next_at)
            WHERE endpoint_id = %(endpoint_id)s AND event_id = %(event_id)s AND status = 'pending'
                  AND attempts = %(attempts)s
            """,
            {
                "endpoint_id": delivery.endpoint_id,
                "event_id": delivery.event_id,
                "attempts": delivery.attempts,
                "again": again_in,
            },
        )
        == 1
    )


async def send_at_once(tx: Transaction, endpoint_id: UUID) -> None:
    """Have everything that waits for an endpoint leave now, the oldest event first."""
    await tx.execute(
        """
        UPDATE webhook_delivery d SET next_at = now() + own.turn * interval '1 microsecond'
        FROM (
            SELECT event_id, row_number() OVER (ORDER BY event_id) - count(*) OVER () AS turn
            FROM webhook_delivery WHERE endpoint_id = %(endpoint_id)s AND status = 'pending'
        ) own
        WHERE d.endpoint_id = %(endpoint_id)s AND d.event_id = own.event_id AND d.status = 'pending'
        """,
        {"endpoint_id": endpoint_id},
    )


async def add_attempt(tx: Transaction, delivery: Delivery, answer: Answer) -> None:
    """Note how an attempt went; nothing if its delivery was removed meanwhile."""
    await tx.execute(
        """
        INSERT INTO webhook_attempt (endpoint_id, event_id, number, at, duration_ms, status_code, error, response)
        SELECT endpoint_id, event_id, %(number)s, now() - make_interval(secs => %(duration)s),
               round(%(duration)s::float8 * 1000), %(status)s, %(error)s, %(response)s
        FROM webhook_delivery WHERE endpoint_id = %(endpoint_id)s AND event_id = %(event_id)s FOR KEY SHARE
        """,
        {
            "endpoint_id": delivery.endpoint_id,
            "event_id": delivery.event_id,
            "number": delivery.attempts,
            "duration": answer.duration,
            "status": answer.status,
            "error": answer.failure,
            "response": answer.body,
        },
    )


@dataclass(frozen=True, slots=True)
class Backlog:
    """What endpoints that take deliveries are still to be told, of the first 1,000 of each."""

    waiting: int
    overdue: float
    """Seconds since the one should have left that is latest; waits between tries do not count."""


async def backlog(reader: Transaction) -> Backlog:
    """Count what waits to be delivered."""
    found = await reader.fetch_one(
        Backlog,
        f"""
        WITH RECURSIVE {_endpoints("known", "status = 'pending'")}
        SELECT count(*) AS waiting,
               greatest(0, coalesce(extract(epoch FROM now() - min(greatest(first.next_at, e.open_until))), 0))::float8
                   AS overdue
        FROM known k JOIN webhook_endpoint e ON e.id = k.endpoint_id AND e.disabled_at IS NULL
        CROSS JOIN LATERAL (
            SELECT next_at FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.status = 'pending'
            ORDER BY next_at LIMIT 1000
        ) first
        """,
    )
    return found or Backlog(0, 0.0)


async def purge_events(writer: Transaction, *, days: int, limit: int) -> int:
    """Remove the oldest events of before these days, with their deliveries and attempts. Returns how many."""
    return await writer.execute(
        """
        DELETE FROM webhook_event WHERE id = ANY (ARRAY(
            SELECT id FROM webhook_event WHERE occurred_at < now() - make_interval(days => %s)
            ORDER BY occurred_at LIMIT %s
        ))
        """,
        (days, limit),
    )


async def purge_orphans(writer: Transaction, *, limit: int) -> int:
    """Remove deliveries to endpoints that were deleted. Returns how many."""
    return await writer.execute(
        f"""
        WITH RECURSIVE {_endpoints("known", "true")}
        DELETE FROM webhook_delivery d USING (
            SELECT o.endpoint_id, o.event_id FROM known k
            JOIN webhook_delivery o ON o.endpoint_id = k.endpoint_id
            WHERE NOT EXISTS (SELECT FROM webhook_endpoint e WHERE e.id = k.endpoint_id) LIMIT %s
        ) orphan
        WHERE d.endpoint_id = orphan.endpoint_id AND d.event_id = orphan.event_id
        """,
        (limit,),
    )
