"""Make and manage webhook endpoints; see what was sent to them, send it again."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends

from emprops.auth.dependencies import CurrentCaller
from emprops.auth.once import Once
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.paging import Paging
from emprops.kit.web.parts import Part
from emprops.media.result_links import Naming
from emprops.webhooks import log_store, service, store
from emprops.webhooks.events import with_urls
from emprops.webhooks.log_schemas import (
    DeliveryDetailView,
    DeliveryStatus,
    DeliveryView,
    ReplayBody,
    ReplayedView,
    WebhookStatsView,
    delivery_detail_of,
    delivery_view_of,
    stats_view_of,
)
from emprops.webhooks.schemas import (
    DeletedWebhook,
    RotateBody,
    WebhookBody,
    WebhookChanges,
    WebhookView,
    WebhookWithSecretView,
    endpoint_view_of,
    new_endpoint_view_of,
)
from emprops.webhooks.secrets import SecretBox
from emprops.webhooks.service import MAX_REPLAYED

routes = router(prefix="/webhooks", tags=["webhooks"])

ONE_URL = failures(_409="There is a webhook endpoint of this URL already, or as many as there may be.")
DISABLED = failures(_409="The webhook endpoint is disabled; enable it first.")


SECRETS: Part[SecretBox] = Part("webhook_secrets")


async def _new_endpoint(body: WebhookBody, _caller: CurrentCaller, resources: Shared) -> WebhookBody:
    await service.check_target(resources.settings, body.url)
    return body


async def _changes(body: WebhookChanges, _caller: CurrentCaller, resources: Shared) -> WebhookChanges:
    if "url" in body.model_fields_set:
        await service.check_target(resources.settings, body.url)
    return body


Box = Annotated[SecretBox, Depends(SECRETS.depend)]
CheckedEndpoint = Annotated[WebhookBody, Depends(_new_endpoint)]
"""The body, with a URL that may be sent to. Stands before ``tx``: names are resolved while no transaction is open."""
CheckedChanges = Annotated[WebhookChanges, Depends(_changes)]


@routes.post("", status_code=201, response_model=Envelope[WebhookWithSecretView], responses=ONE_URL)
async def create_webhook(body: CheckedEndpoint, caller: CurrentCaller, tx: Tx, resources: Shared, box: Box) -> Any:
    """Make an endpoint and show its signing secret, this once. A user's hears of the user's own jobs; one that a
    service makes for no user hears of everybody's.

    It takes no `Idempotency-Key`: the answer is not stored, because of the secret. Sent again, it is refused (409).
    """
    made = await service.create(tx, caller, body.columns(), box, limit=resources.settings.webhook_limit)
    return ok(new_endpoint_view_of(made))


@routes.get("")
async def list_webhooks(caller: CurrentCaller, reader: Reader, page: Paging) -> Envelope[list[WebhookView]]:
    """List the caller's endpoints, newest first; a service that names no user sees those of services."""
    return ok([endpoint_view_of(endpoint) for endpoint in await store.list_of(reader, caller.user_id, page)])


@routes.get("/{webhook_id}")
async def get_webhook(webhook_id: UUID, caller: CurrentCaller, reader: Reader) -> Envelope[WebhookView]:
    """Read an endpoint: what it hears of, and whether deliveries arrive."""
    return ok(endpoint_view_of(await service.get(reader, caller, webhook_id)))


@routes.patch("/{webhook_id}", responses=ONE_URL)
@routes.put("/{webhook_id}", operation_id="putWebhook", responses=ONE_URL)
async def change_webhook(
    webhook_id: UUID, body: CheckedChanges, caller: CurrentCaller, tx: Tx
) -> Envelope[WebhookView]:
    """Change what is sent of an endpoint. `enabled: true` starts one again that was disabled. With that, or
    with a new URL, what waits is sent at once."""
    enabled = body.enabled if "enabled" in body.model_fields_set else None
    return ok(endpoint_view_of(await service.change(tx, caller, webhook_id, body.columns(), enabled=enabled)))


@routes.delete("/{webhook_id}")
async def delete_webhook(webhook_id: UUID, caller: CurrentCaller, tx: Tx) -> Envelope[DeletedWebhook]:
    """Delete an endpoint and its secret; its log follows within the hour. What waits for it is not sent."""
    return ok(DeletedWebhook(id=(await service.delete(tx, caller, webhook_id)).id))


@routes.post("/{webhook_id}/rotate-secret", responses=failures(_409="Too many replaced secrets still sign."))
async def rotate_webhook_secret(
    webhook_id: UUID, body: RotateBody, caller: CurrentCaller, tx: Tx, box: Box
) -> Envelope[WebhookWithSecretView]:
    """Make a new signing secret and show it, this once. The present one signs too until the overlap ends, and so do
    earlier ones until their own ends."""
    overlap = timedelta(hours=body.overlap_hours)
    return ok(new_endpoint_view_of(await service.rotate(tx, caller, webhook_id, box, overlap=overlap)))


@routes.post("/{webhook_id}/test", status_code=202, responses=DISABLED)
async def send_test_webhook(webhook_id: UUID, caller: CurrentCaller, tx: Tx, _once: Once) -> Envelope[DeliveryView]:
    """Send an event of type `webhook.test`; how it went is in its delivery."""
    return ok(delivery_view_of(await service.send_test(tx, caller, webhook_id)))


@routes.get("/{webhook_id}/stats")
async def get_webhook_stats(webhook_id: UUID, caller: CurrentCaller, reader: Reader) -> Envelope[WebhookStatsView]:
    """Sum up how deliveries to an endpoint went."""
    endpoint = await service.get(reader, caller, webhook_id)
    return ok(stats_view_of(endpoint, await log_store.recent(reader, webhook_id)))


@routes.get("/{webhook_id}/deliveries")
async def list_webhook_deliveries(
    webhook_id: UUID, caller: CurrentCaller, reader: Reader, page: Paging, status: DeliveryStatus | None = None
) -> Envelope[list[DeliveryView]]:
    """List what was sent to an endpoint or is to be, newest event first. Kept for 30 days."""
    await service.get(reader, caller, webhook_id)
    return ok([delivery_view_of(one) for one in await log_store.list_of(reader, webhook_id, page, status=status)])


@routes.get("/{webhook_id}/deliveries/{event_id}")
async def get_webhook_delivery(
    webhook_id: UUID, event_id: UUID, caller: CurrentCaller, reader: Reader, results: Naming
) -> Envelope[DeliveryDetailView]:
    """Read one delivery: what is sent, and every attempt with the beginning of its answer."""
    await service.get(reader, caller, webhook_id)
    logged = await service.logged(reader, webhook_id, event_id)
    data = orjson.loads(with_urls(await log_store.data_of(reader, event_id), logged.occurred_at, results))
    return ok(delivery_detail_of(logged, data, await log_store.attempts_of(reader, webhook_id, event_id)))


@routes.post("/{webhook_id}/deliveries/{event_id}/replay", status_code=202, responses=DISABLED)
async def replay_webhook_delivery(
    webhook_id: UUID, event_id: UUID, caller: CurrentCaller, tx: Tx, _once: Once
) -> Envelope[DeliveryView]:
    """Send one event again, however it ended: the same body under the same id, with all tries ahead of it."""
    return ok(delivery_view_of(await service.replay(tx, caller, webhook_id, event_id)))


@routes.post("/{webhook_id}/replay", status_code=202, responses=DISABLED)
async def replay_webhook(
    webhook_id: UUID, body: ReplayBody, caller: CurrentCaller, tx: Tx, _once: Once
) -> Envelope[ReplayedView]:
    """Send again what was given up since a time; with `include_delivered` also what was taken."""
    replayed = await service.replay_since(tx, caller, webhook_id, since=body.since, delivered=body.include_delivered)
    return ok(ReplayedView(replayed=replayed, more=replayed == MAX_REPLAYED))
