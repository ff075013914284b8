"""A finished video becomes a Mux asset: put into the outbox with the file's row, made after the commit, then polled
slowly in case the webhook that says "ready" never comes."""

from collections.abc import Awaitable, Callable
from typing import Any

from emprops.kit import outbox
from emprops.kit.database import Database, Transaction
from emprops.kit.outbox import Entry, Handler, UndeliverableError
from emprops.media.mux import store
from emprops.media.mux.client import Asset, MuxClient, MuxError, MuxUnavailableError
from emprops.media.mux.events import DELETE, DELETED, ERRORED, READY, AssetEvent, apply, passthrough_of, put_delete
from emprops.media.result_links import result_links_from
from emprops.media.storage import Storage
from emprops.settings import Settings

CREATE = "mux_create"
"""Outbox kind: a video that is to become an asset."""
FETCH_LIFE = 86_400.0
"""Seconds for which Mux can fetch a video that opens by signed URLs only."""
FIRST_POLL = 120.0
"""Seconds without news after which an asset is asked about; each further wait is twice as long."""
POLL_DAYS = 7
POLL_BATCH = 20


async def put_videos(tx: Transaction, settings: Settings, file_ids: list[int]) -> None:
    """Have stored videos made into assets after the commit; without Mux credentials nothing happens. A file that was
    put before is not put again."""
    if not settings.mux_token_id:
        return
    for file_id in file_ids:
        await outbox.put(tx, CREATE, f"{CREATE}:{file_id}", {"file_id": file_id})


def handlers(mux: MuxClient | None, database: Database, storage: Storage, settings: Settings) -> outbox.Handlers:
    """How this feature's outbox rows are delivered; without credentials they wait."""
    if mux is None:
        return {}

    async def create(entry: Entry) -> None:
        await _refused(lambda: create_asset(mux, database, storage, settings, int(entry.payload["file_id"])))

    async def delete(entry: Entry) -> None:
        await _refused(lambda: mux.delete_asset(str(entry.payload["asset_id"])))

    return {CREATE: Handler(create), DELETE: Handler(delete)}


async def _refused(call: Callable[[], Awaitable[Any]]) -> None:
    try:
        await call()
    except MuxError as error:
        raise UndeliverableError(str(error)) from error


async def create_asset(
    mux: MuxClient, database: Database, storage: Storage, settings: Settings, file_id: int
) -> Asset | None:
    """Make the asset of a stored video. None if the file is gone, has one, or turned out to be no video.

    When the answer of an earlier attempt was lost, that attempt's asset may become known at any time: whichever is
    recorded first stays, the other one is removed.
    """
    async with database.reader() as reader:
        video = await store.file_of(reader, file_id)
    if video is None or video.mux_asset_id is not None or not video.mime_type.startswith("video/"):
        return None
    links = result_links_from(settings)
    address = await storage.signed_url(video.url) or links.of_key(video.url, FETCH_LIFE)
    asset = await mux.create_asset(address, passthrough_of(file_id, video.url))
    async with database.transaction() as tx:
        if not await store.claim_asset(tx, file_id, asset.id):
            await put_delete(tx, asset.id)
    return asset


async def poll(mux: MuxClient | None, database: Database) -> int:
    """Ask about assets of which nothing was heard for a while. Returns how many were asked about."""
    if mux is None:
        return 0
    async with database.reader() as connection:
        waiting = await store.take_waiting(
            connection, days=POLL_DAYS, first=FIRST_POLL, ends=(ERRORED, DELETED), limit=POLL_BATCH
        )
    for file in waiting:
        try:
            asset = await mux.asset(file.mux_asset_id)
        except (MuxError, MuxUnavailableError):
            continue  # its turn comes again, after twice the time
        event = _event_of(file.mux_asset_id, asset, mux.policy)
        if event is not None:
            async with database.transaction() as tx:
                await apply(tx, event, policy=mux.policy)
    return len(waiting)


def _event_of(asset_id: str, asset: Asset | None, policy: str) -> AssetEvent | None:
    """Say as an event what an asset's state is; None while it is being prepared."""
    if asset is None:
        return AssetEvent(f"poll:{asset_id}:deleted", DELETED, asset_id)
    if asset.status == "errored":
        return AssetEvent(f"poll:{asset_id}:errored", ERRORED, asset_id)
    if asset.status != "ready" or asset.playback_id is None:
        return None
    playback = ((policy, asset.playback_id),)
    return AssetEvent(f"poll:{asset_id}:ready", READY, asset_id, playback_ids=playback)


async def purge_events(database: Database) -> int:
    """Forget old events of Mux. Returns how many."""
    async with database.reader() as connection:
        return await store.purge_events(connection, ends=(ERRORED, DELETED))
