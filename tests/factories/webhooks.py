"""Webhook endpoints, and events for them."""

from uuid import UUID

from tests.factories.jobs import Job
from tests.factories.people import make_user

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.webhooks.events import DEFAULT


async def make_webhook(
    tx: Transaction,
    owner: UUID | None = None,
    *,
    url: str = "https://hooks.example.com/emprops",
    events: tuple[str, ...] = DEFAULT,
    collection_ids: list[UUID] | None = None,
    job_types: list[str] | None = None,
    secret: bytes = b"",
) -> UUID:
    """A webhook endpoint of a user, or of services. ``secret``: as it is stored; without one nothing can be signed."""
    if owner is not None:
        await make_user(tx, owner)
    webhook_id = new_id()
    await tx.execute(
        """
        INSERT INTO webhook_endpoint (id, owner_user_id, created_by, url, events, collection_ids, job_types, secret)
        VALUES (%s, %s, 'test', %s, %s, %s, %s, %s)
        """,
        (webhook_id, owner, url, list(events), collection_ids, job_types, secret),
    )
    return webhook_id


async def make_webhook_event(
    tx: Transaction, *webhook_ids: UUID, job: Job | None = None, event_type: str = "job.completed"
) -> UUID:
    """An event that waits for these endpoints."""
    event_id: UUID = await tx.fetch_value(
        "INSERT INTO webhook_event (type, job_id, data) VALUES (%s, %s, '{}') RETURNING id",
        (event_type, job.id if job else None),
    )
    for webhook_id in webhook_ids:
        await tx.execute("INSERT INTO webhook_delivery (endpoint_id, event_id) VALUES (%s, %s)", (webhook_id, event_id))
    return event_id
