"""What Mux tells about assets, by webhook or when asked, and what it does to a file's row.

Events come late, twice and in any order. Each is applied once, with the file's row locked, and only forwards: an asset
that was deleted stays so, a file keeps the asset it has.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import structlog

from emprops.kit import outbox
from emprops.kit.database import Transaction
from emprops.media.mux import store

log = structlog.get_logger(__name__)

CREATED, READY = "video.asset.created", "video.asset.ready"
ERRORED, DELETED = "video.asset.errored", "video.asset.deleted"
HANDLED = frozenset({CREATED, READY, ERRORED, DELETED})
DELETE = "mux_delete"
"""Outbox kind: an asset that nobody needs."""
MAX_ID = 255

Outcome = Literal["applied", "repeated", "ignored"]


@dataclass(frozen=True, slots=True)
class AssetEvent:
    """An event about an asset."""

    id: str
    type: str
    asset_id: str
    passthrough: str | None = None
    playback_ids: tuple[tuple[str, str], ...] = ()
    """Pairs of policy and playback id."""


def event_of(document: Any) -> AssetEvent | None:
    """Read the document of a webhook; None for one that is not about an asset, or not understood."""
    data = document.get("data") if isinstance(document, dict) else None
    kind = document.get("type") if isinstance(document, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or kind not in HANDLED:
        return None
    event_id, asset_id, passthrough = document.get("id"), data.get("id"), data.get("passthrough")
    if not (_is_id(event_id) and _is_id(asset_id)):
        return None
    found = data.get("playback_ids")
    listed = found if isinstance(found, list) else []
    pairs = [(one.get("policy"), one.get("id")) for one in listed if isinstance(one, dict)]
    return AssetEvent(
        id=event_id,
        type=kind,
        asset_id=asset_id,
        passthrough=passthrough if isinstance(passthrough, str) else None,
        playback_ids=tuple((policy, one) for policy, one in pairs if isinstance(policy, str) and _is_id(one)),
    )


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID and value.isprintable()


def passthrough_of(file_id: int, key: str) -> str:
    """Name a file towards Mux, so that another installation of the same Mux environment does not mean one of ours."""
    return f"emprops:{file_id}:{hashlib.sha256(key.encode()).hexdigest()[:16]}"


async def apply(tx: Transaction, event: AssetEvent, *, policy: str) -> Outcome:
    """Record an event and change the file it is about. ``policy`` says which playback id is wanted."""
    file = await _lock_file(tx, event)
    if file is None:
        return "ignored"
    if not await store.insert_event(tx, event.id, event.type, event.asset_id):
        return "repeated"
    if file.mux_asset_id not in (None, event.asset_id):
        if event.type != DELETED:
            await put_delete(tx, event.asset_id)  # made by an attempt whose answer was lost
        return "ignored"
    if event.type == DELETED:
        await store.set_asset(tx, file.id, event.asset_id, None)
        return "applied"
    if await store.has_event(tx, event.asset_id, DELETED):
        return "ignored"
    if event.type == ERRORED:
        log.warning("video unreadable to mux", file_id=file.id, asset_id=event.asset_id)
    ready = event.type == READY
    wanted = next((one for kind, one in event.playback_ids if ready and kind == policy), None)
    await store.set_asset(tx, file.id, event.asset_id, wanted or file.mux_playback_id)
    return "applied"


async def _lock_file(tx: Transaction, event: AssetEvent) -> store.MuxFile | None:
    """Find the file by its asset, else by what Mux was told to say about it."""
    parts = (event.passthrough or "").split(":")
    good = len(parts) == 3 and parts[0] == "emprops" and parts[1].isascii() and parts[1].isdecimal()
    file_id = int(parts[1]) if good and len(parts[1]) <= 18 else None
    file = await store.lock_file(tx, event.asset_id, file_id)
    if file is None or event.asset_id == file.mux_asset_id:
        return file
    return file if event.passthrough == passthrough_of(file.id, file.url) else None


async def put_delete(tx: Transaction, asset_id: str) -> None:
    """Have an asset removed after the commit."""
    await outbox.put(tx, DELETE, f"{DELETE}:{asset_id}", {"asset_id": asset_id})
