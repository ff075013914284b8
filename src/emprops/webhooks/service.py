"""Who may have which endpoint, and what can be done with it.

A user's endpoint hears of that user's jobs; a service's, made with a service's key for no user, of everybody's. Other
people's endpoints look unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog

from emprops.auth import foreign
from emprops.auth.caller import Caller
from emprops.auth.store import ensure_user
from emprops.errors import BadRequestError, ConflictError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.outbound.guard import OutboundUnavailableError
from emprops.settings import Settings
from emprops.webhooks import delivery_store, log_store, store
from emprops.webhooks.delivery_store import Backlog
from emprops.webhooks.events import DISABLED, TEST
from emprops.webhooks.log_store import Logged
from emprops.webhooks.secrets import SecretBox, make_secret
from emprops.webhooks.store import HEALTHY, UNTRIED, Endpoint, Health

log = structlog.get_logger(__name__)

MAX_REPLAYED = 10_000
"""Deliveries of one request; what is left is for the next one."""
MAX_OLD_SECRETS = 5
"""Replaced secrets that sign next to the present one: each adds a signature to every request."""
BY_OWNER = "Disabled by its owner."


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint and the secret that was made for it, to be shown this once."""

    endpoint: Endpoint
    secret: bytes


async def check_target(settings: Settings, url: str) -> None:
    """Raise :class:`BadRequestError` for a URL that webhooks cannot be sent to. Resolves its name, so call it before a
    transaction is open."""
    client = GuardedClient(settings)
    if not url.lower().startswith("https://") and not client.opened(url):
        raise BadRequestError(
            "url must begin with https://; http:// is for hosts that EMPROPS_OUTBOUND_ALLOW names only."
        )
    try:
        await client.check(url)
    except OutboundUnavailableError as error:
        raise BadRequestError(f"url cannot be used: {error.message}") from None


async def create(tx: Transaction, caller: Caller, columns: Mapping[str, Any], box: SecretBox, *, limit: int) -> Made:
    """Make an endpoint of the caller's. Raises :class:`ConflictError` if there are too many, or one of this URL."""
    owner = caller.user_id
    if owner is not None:
        await ensure_user(tx, owner)
    await store.lock_owner(tx, owner)
    if await store.count_of(tx, owner) >= limit:
        raise ConflictError(f"There are {limit} webhook endpoints already, which is the most; delete one first.")
    endpoint_id, secret = new_id(), make_secret()
    made = await store.insert(
        tx,
        endpoint_id=endpoint_id,
        owner=owner,
        created_by=caller.principal,
        secret=box.seal(secret),
        columns=columns,
    )
    if not made:
        raise _taken()
    return Made(await get(tx, caller, endpoint_id), secret)


async def get(reader: Transaction, caller: Caller, endpoint_id: UUID, *, lock: bool = False) -> Endpoint:
    """Return an endpoint to its owner, and to services that name no user. Raises :class:`NotFoundError`."""
    endpoint = await store.get(reader, endpoint_id, lock=lock)
    anybody = caller.is_service and caller.user_id is None
    if endpoint is None or not (anybody or (endpoint.owner_user_id == caller.user_id and caller.user_id is not None)):
        raise NotFoundError("Webhook endpoint not found")
    if lock:
        await foreign.note_change(reader, caller, endpoint.owner_user_id, f"webhook:{endpoint_id}", "change")
    elif endpoint.owner_user_id is not None:
        await foreign.note_service(reader, caller, endpoint.owner_user_id)
    return endpoint


async def change(
    tx: Transaction, caller: Caller, endpoint_id: UUID, columns: Mapping[str, Any], *, enabled: bool | None
) -> Endpoint:
    """Change an endpoint. One with a new URL, or enabled again, begins with a clean record, and is sent at once what
    waits for it.

    Raises :class:`NotFoundError`, and :class:`ConflictError` for the URL of another one of the same owner.
    """
    endpoint = await get(tx, caller, endpoint_id)
    await foreign.note_change(tx, caller, endpoint.owner_user_id, f"webhook:{endpoint_id}", "change")
    changes = dict(columns)
    if "url" in changes and changes["url"] != endpoint.url:
        await store.lock_owner(tx, endpoint.owner_user_id)
        if await store.url_is_taken(tx, endpoint_id, endpoint.owner_user_id, changes["url"]):
            raise _taken()
        changes |= UNTRIED
    if enabled:
        changes |= HEALTHY
    elif enabled is False:
        await store.disable(tx, endpoint_id, BY_OWNER)
    changed = await store.update(tx, endpoint_id, changes)
    if changed is None:
        raise NotFoundError("Webhook endpoint not found")
    if UNTRIED.keys() <= changes.keys():
        await delivery_store.send_at_once(tx, endpoint_id)
    return changed


async def delete(tx: Transaction, caller: Caller, endpoint_id: UUID) -> Endpoint:
    """Forget an endpoint; what waits for it is never sent. Raises :class:`NotFoundError`."""
    endpoint = await get(tx, caller, endpoint_id, lock=True)
    await store.delete(tx, endpoint_id)
    return endpoint


async def rotate(tx: Transaction, caller: Caller, endpoint_id: UUID, box: SecretBox, *, overlap: timedelta) -> Made:
    """Replace an endpoint's secret. The present one signs too until the overlap ends, and so do earlier ones until
    their own ends; without an overlap only the new one signs.

    Raises as :func:`get`, and :class:`ConflictError` while :data:`MAX_OLD_SECRETS` still sign.
    """
    await get(tx, caller, endpoint_id, lock=True)
    if not overlap:
        await store.forget_old_secrets(tx, endpoint_id)
    elif await store.count_old_secrets(tx, endpoint_id) >= MAX_OLD_SECRETS:
        raise ConflictError(
            f"{MAX_OLD_SECRETS} replaced secrets still sign; wait until one has ended, or rotate with overlap_hours: 0,"
            " which ends them all."
        )
    else:
        await store.keep_secret(tx, endpoint_id, overlap)
    secret = make_secret()
    endpoint = await store.replace_secret(tx, endpoint_id, box.seal(secret))
    if endpoint is None:
        raise NotFoundError("Webhook endpoint not found")
    return Made(endpoint, secret)


async def send_test(tx: Transaction, caller: Caller, endpoint_id: UUID) -> Logged:
    """Send an endpoint a test event. Raises :class:`NotFoundError`, :class:`ConflictError` if it is disabled."""
    await _enabled(tx, caller, endpoint_id)
    data = {"message": "This is a test. Nothing has happened."}
    event_id = await store.put_event(tx, TEST, orjson.dumps(data).decode(), [endpoint_id])
    return await logged(tx, endpoint_id, event_id)


async def replay(tx: Transaction, caller: Caller, endpoint_id: UUID, event_id: UUID) -> Logged:
    """Send one event again, with the same id. Raises :class:`NotFoundError`, :class:`ConflictError` if disabled."""
    await _enabled(tx, caller, endpoint_id)
    await log_store.replay(tx, endpoint_id, event_id)
    return await logged(tx, endpoint_id, event_id)


async def replay_since(tx: Transaction, caller: Caller, endpoint_id: UUID, *, since: datetime, delivered: bool) -> int:
    """Send events since a time again: those given up, and if ``delivered`` those that were taken, too; the oldest
    :data:`MAX_REPLAYED`. Returns how many. Raises as :func:`replay`."""
    await _enabled(tx, caller, endpoint_id)
    statuses = ["failed", "delivered"] if delivered else ["failed"]
    return await log_store.replay_since(tx, endpoint_id, since=since, statuses=statuses, limit=MAX_REPLAYED)


async def logged(reader: Transaction, endpoint_id: UUID, event_id: UUID) -> Logged:
    """Return one delivery. Raises :class:`NotFoundError`."""
    found = await log_store.get(reader, endpoint_id, event_id)
    if found is None:
        raise NotFoundError("Delivery not found")
    return found


async def disable(tx: Transaction, endpoint_id: UUID, health: Health, reason: str) -> bool:
    """Send an endpoint nothing any more, and tell its owner's other endpoints. False if that was done before."""
    if not await store.disable(tx, endpoint_id, reason):
        return False
    owner, url = health.owner_user_id, health.url.partition("?")[0]
    log.error("webhook endpoint disabled", endpoint=str(endpoint_id), owner=str(owner), url=url, reason=reason)
    others = await store.listeners(tx, owner, DISABLED)
    if others:
        data = {"endpoint_id": endpoint_id, "user_id": owner, "url": url, "reason": reason}
        await store.put_event(tx, DISABLED, orjson.dumps(data).decode(), others)
    return True


async def backlog(reader: Transaction) -> Backlog:
    """Say what all endpoints are still to be told, for those who watch."""
    return await delivery_store.backlog(reader)


async def _enabled(tx: Transaction, caller: Caller, endpoint_id: UUID) -> None:
    endpoint = await get(tx, caller, endpoint_id, lock=True)
    if endpoint.disabled_at is not None:
        raise ConflictError("The webhook endpoint is disabled; enable it first, with PATCH and enabled: true.")


def _taken() -> ConflictError:
    return ConflictError("There is a webhook endpoint of this URL already; change that one, or rotate its secret.")
