"""SQL of endpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page

COLUMNS = """
    id, owner_user_id, created_by, url, description, events, collection_ids, job_types, failures, failing_since,
    open_until, delivered, failed_attempts, given_up, last_success_at, last_failure_at, disabled_at, disabled_reason,
    (SELECT max(ends_at) FROM webhook_old_secret old WHERE old.endpoint_id = webhook_endpoint.id AND ends_at > now())
    AS old_secret_until, created_at, updated_at
"""
UNTRIED = {"failures": 0, "failing_since": None, "open_until": None}
"""Columns of an endpoint of which nothing bad is known."""
HEALTHY = {**UNTRIED, "disabled_at": None, "disabled_reason": None}
"""Columns of an endpoint that is given another chance."""
CHANGEABLE = frozenset({"url", "description", "events", "collection_ids", "job_types", *HEALTHY})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint, without its secrets."""

    id: UUID
    owner_user_id: UUID | None
    created_by: str
    url: str
    description: str
    events: list[str]
    collection_ids: list[UUID] | None
    job_types: list[str] | None
    failures: int
    failing_since: datetime | None
    open_until: datetime | None
    delivered: int
    failed_attempts: int
    given_up: int
    last_success_at: datetime | None
    last_failure_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    old_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint does; its row is locked."""

    owner_user_id: UUID | None
    url: str
    failures: int
    failing_for: float
    """Seconds since the first of them; 0 without one."""


async def lock_owner(tx: Transaction, owner: UUID | None) -> None:
    """Let nobody else add an endpoint of this owner until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", (str(owner),))


async def count_of(tx: Transaction, owner: UUID | None) -> int:
    """Count an owner's endpoints; None: those of services."""
    count: int = await tx.fetch_value(
        f"SELECT count(*) FROM webhook_endpoint WHERE {_is_owner(owner)}", {"owner": owner}
    )
    return count


def _is_owner(owner: UUID | None) -> str:
    return "owner_user_id IS NULL" if owner is None else "owner_user_id = %(owner)s"


async def insert(
    tx: Transaction,
    *,
    endpoint_id: UUID,
    owner: UUID | None,
    created_by: str,
    secret: bytes,
    columns: Mapping[str, Any],
) -> bool:
    """Insert an endpoint; ``columns``: ``url``, ``description``, ``events``, ``collection_ids``, ``job_types``. False
    if its owner has one of this URL."""
    return (
        await tx.execute(
            """
            INSERT INTO webhook_endpoint (id, owner_user_id, created_by, secret, url, description, events,
                                          collection_ids, job_types)
            VALUES (%(id)s, %(owner)s, %(created_by)s, %(secret)s, %(url)s, %(description)s, %(events)s,
                    %(collection_ids)s, %(job_types)s)
            ON CONFLICT DO NOTHING
            """,
            {"id": endpoint_id, "owner": owner, "created_by": created_by, "secret": secret, **columns},
        )
        == 1
    )


async def get(reader: Transaction, endpoint_id: UUID, *, lock: bool = False) -> Endpoint | None:
    """Read one endpoint; ``lock``: nobody else changes it until the transaction ends."""
    suffix = "FOR NO KEY UPDATE" if lock else ""
    return await reader.fetch_one(
        Endpoint, f"SELECT {COLUMNS} FROM webhook_endpoint WHERE id = %s {suffix}", (endpoint_id,)
    )


async def list_of(reader: Transaction, owner: UUID | None, page: Page) -> list[Endpoint]:
    """List an owner's endpoints, newest first; None: those of services."""
    return await reader.fetch_all(
        Endpoint,
        f"""
        SELECT {COLUMNS} FROM webhook_endpoint WHERE {_is_owner(owner)}
        ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"owner": owner, "limit": page.limit, "offset": page.offset},
    )


async def url_is_taken(tx: Transaction, endpoint_id: UUID, owner: UUID | None, url: str) -> bool:
    """Return whether the owner has another endpoint of this URL. Call with the owner locked."""
    return bool(
        await tx.fetch_value(
            f"SELECT EXISTS (SELECT FROM webhook_endpoint WHERE {_is_owner(owner)} AND url = %(url)s AND id <> %(id)s)",
            {"owner": owner, "url": url, "id": endpoint_id},
        )
    )


async def update(tx: Transaction, endpoint_id: UUID, columns: Mapping[str, Any]) -> Endpoint | None:
    """Set columns, which must be of :data:`CHANGEABLE`, of an endpoint; None if it is gone."""
    if not columns.keys() <= CHANGEABLE:
        raise ValueError(f"not changeable: {columns.keys() - CHANGEABLE}")
    changes = "".join(f"{name} = %({name})s, " for name in columns)
    return await tx.fetch_one(
        Endpoint,
        f"UPDATE webhook_endpoint SET {changes} updated_at = now() WHERE id = %(id)s RETURNING {COLUMNS}",
        {**columns, "id": endpoint_id},
    )


async def count_old_secrets(tx: Transaction, endpoint_id: UUID) -> int:
    """Forget the replaced secrets that have ended, and count the others."""
    await tx.execute("DELETE FROM webhook_old_secret WHERE endpoint_id = %s AND ends_at <= now()", (endpoint_id,))
    count: int = await tx.fetch_value("SELECT count(*) FROM webhook_old_secret WHERE endpoint_id = %s", (endpoint_id,))
    return count


async def keep_secret(tx: Transaction, endpoint_id: UUID, overlap: timedelta) -> None:
    """Let the present secret sign until the overlap ends, whatever replaces it."""
    await tx.execute(
        """
        INSERT INTO webhook_old_secret (endpoint_id, ends_at, secret)
        SELECT id, now() + %s, secret FROM webhook_endpoint WHERE id = %s
        """,
        (overlap, endpoint_id),
    )


async def forget_old_secrets(tx: Transaction, endpoint_id: UUID) -> None:
    """Let no replaced secret sign any more."""
    await tx.execute("DELETE FROM webhook_old_secret WHERE endpoint_id = %s", (endpoint_id,))


async def replace_secret(tx: Transaction, endpoint_id: UUID, secret: bytes) -> Endpoint | None:
    """Set an endpoint's secret. None if the endpoint is gone."""
    return await tx.fetch_one(
        Endpoint,
        f"UPDATE webhook_endpoint SET secret = %s, updated_at = now() WHERE id = %s RETURNING {COLUMNS}",
        (secret, endpoint_id),
    )


async def delete(tx: Transaction, endpoint_id: UUID) -> None:
    """Forget an endpoint and its secrets. Its deliveries are removed by upkeep."""
    await tx.execute("DELETE FROM webhook_endpoint WHERE id = %s", (endpoint_id,))


async def lock_health(tx: Transaction, endpoint_id: UUID) -> Health | None:
    """Read how an endpoint does, and keep it so until the transaction ends. None if it is gone."""
    return await tx.fetch_one(
        Health,
        """
        SELECT owner_user_id, url, failures,
               coalesce(extract(epoch FROM now() - failing_since), 0)::float8 AS failing_for
        FROM webhook_endpoint WHERE id = %s FOR NO KEY UPDATE
        """,
        (endpoint_id,),
    )


async def succeeded(tx: Transaction, endpoint_id: UUID) -> None:
    """Note a success: nothing stands in the way of the next deliveries."""
    await tx.execute(
        """
        UPDATE webhook_endpoint SET delivered = delivered + 1, failures = 0, failing_since = NULL, open_until = NULL,
               last_success_at = now()
        WHERE id = %s
        """,
        (endpoint_id,),
    )


async def failed(tx: Transaction, endpoint_id: UUID, *, gave_up: bool, pause: float) -> None:
    """Note a failure; nothing is sent for ``pause`` seconds, or for longer if that was decided before."""
    await tx.execute(
        """
        UPDATE webhook_endpoint SET failed_attempts = failed_attempts + 1, failures = failures + 1,
               failing_since = coalesce(failing_since, now()), given_up = given_up + %(gave_up)s::int,
               open_until = CASE WHEN %(pause)s::float8 > 0
                            THEN greatest(open_until, now() + make_interval(secs => %(pause)s)) ELSE open_until END,
               last_failure_at = now()
        WHERE id = %(id)s
        """,
        {"id": endpoint_id, "gave_up": gave_up, "pause": pause},
    )


async def disable(tx: Transaction, endpoint_id: UUID, reason: str) -> bool:
    """Send an endpoint nothing any more. False if it was disabled before, whose reason stays."""
    return (
        await tx.execute(
            """
            UPDATE webhook_endpoint SET disabled_at = now(), disabled_reason = %s, updated_at = now()
            WHERE id = %s AND disabled_at IS NULL
            """,
            (reason, endpoint_id),
        )
        == 1
    )


async def listeners(tx: Transaction, owner: UUID | None, event_type: str) -> list[UUID]:
    """Find who hears of something about this owner that is about no job; None: about services."""
    return await tx.fetch_values(
        """
        SELECT id FROM webhook_endpoint
        WHERE disabled_at IS NULL AND (owner_user_id = %(owner)s OR owner_user_id IS NULL) AND %(type)s = ANY (events)
        """,
        {"owner": owner, "type": event_type},
    )


async def put_event(tx: Transaction, event_type: str, data: str, endpoint_ids: Sequence[UUID]) -> UUID:
    """Have something told to these endpoints after the commit. ``data`` is JSON."""
    event_id: UUID = await tx.fetch_value(
        "INSERT INTO webhook_event (type, data) VALUES (%s, %s::json) RETURNING id", (event_type, data)
    )
    await tx.execute(
        "INSERT INTO webhook_delivery (endpoint_id, event_id) SELECT unnest(%s::uuid[]), %s",
        (list(endpoint_ids), event_id),
    )
    return event_id
