"""What upkeep does for the files of outputs, best effort: copy those that lie elsewhere, look into all that are ours.

An output shows its URL at once and for as long as nothing better is known. A copy replaces the URL by ours; what went
wrong is noted in the output's metadata under ``_file``. Nothing here can make a completed output anything else.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.outbound.client import GuardedClient, OutboundError, OutboundUnavailableError
from emprops.kit.storage import Storage, measure
from emprops.media import inspection_store
from emprops.media.inspection_store import Uninspected
from emprops.media.mux.assets import put_videos
from emprops.media.probe import Facts, probe
from emprops.media.storage import extension_of, public_url
from emprops.media.types import DOWNLOAD
from emprops.outputs import importing_store as store
from emprops.outputs.importing_store import Import
from emprops.settings import Settings

log = structlog.get_logger(__name__)

MAX_BYTES = 512 * 1024 * 1024
"""Larger files are not copied, and not looked into when they have to be fetched from a bucket for it."""
TAKEN_FOR = 600.0
"""Seconds that a process has for one file: more than download, look and storing may take together."""
WAITS = (60.0, 300.0, 1800.0, 7200.0)
"""Seconds before a file that could not be fetched is tried again; after the last of them it is given up."""
AT_ONCE = 20
"""Files of one run, so that no duty keeps its turn for ever."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What these duties work with."""

    database: Database
    storage: Storage
    settings: Settings


async def import_due(shop: Workshop) -> int:
    """Copy what outputs link to; an upkeep duty. Returns how many files it tried."""
    client = GuardedClient(shop.settings)
    try:
        return await _up_to(AT_ONCE, lambda: _import_next(shop, client))
    finally:
        await client.close()


async def inspect_due(shop: Workshop) -> int:
    """Look into stored files that nobody looked into yet; an upkeep duty. Returns how many it tried."""
    return await _up_to(AT_ONCE, lambda: _inspect_next(shop))


async def _up_to(most: int, one: Callable[[], Awaitable[bool]]) -> int:
    for done in range(most):
        if not await one():
            return done
    return most


async def _import_next(shop: Workshop, client: GuardedClient) -> bool:
    async with shop.database.reader() as writer:
        work = await store.take_import(writer, for_seconds=TAKEN_FOR)
    if work is None:
        return False
    try:
        with _folder() as name:
            folder = Path(name)
            file = await client.download(work.url, folder / "file", MAX_BYTES)
            await _keep(shop, work, file.path, file.size, await probe(file.path, folder))
    except OutboundError as error:
        await _give_up(shop, work, error.message)
    except OutboundUnavailableError as error:
        await _try_later(shop, work, error.message)
    except OSError as error:
        log.warning("file of an output not stored", output_id=str(work.output_id), error=str(error))
        await _try_later(shop, work, "The file could not be stored here.")
    return True


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="emprops-media-", ignore_cleanup_errors=True)


async def _keep(shop: Workshop, work: Import, path: Path, size: int, facts: Facts) -> None:
    """Store a downloaded file, then let the output show it, if it still wants to."""
    mime_type = facts.mime_type or DOWNLOAD
    key = f"imports/{work.output_id}/{new_id().hex}{extension_of(mime_type)}"
    _, digest = await asyncio.to_thread(measure, path)
    await shop.storage.put_file(key, path, mime_type)
    thumbnail = await _store_thumbnail(shop.storage, key, facts)
    async with shop.database.transaction() as tx:
        owner = await store.still_wanted(tx, work)
        if owner is not None:
            file_id = await inspection_store.insert_copy(
                tx,
                user_id=owner,
                key=key,
                source_url=work.url,
                size=size,
                sha256=digest,
                mime_type=mime_type,
                facts=facts,
                thumbnail_key=thumbnail,
            )
            if mime_type.startswith("video/"):
                await put_videos(tx, shop.settings, [file_id])
            await store.show_copy(
                tx,
                work.output_id,
                file_id=file_id,
                url=public_url(shop.settings, key),
                mime_type=mime_type,
                thumbnail_url=thumbnail and public_url(shop.settings, thumbnail),
            )
            await store.note(tx, work.output_id, _note({"copied_from": work.url}, facts))
        await store.finish(tx, work)
    if owner is None:
        await shop.storage.delete(key)
        if thumbnail is not None:
            await shop.storage.delete(thumbnail)


async def _store_thumbnail(storage: Storage, key: str, facts: Facts) -> str | None:
    """Store the small picture under a key that follows from the file's; a repetition overwrites it."""
    if facts.thumbnail is None:
        return None
    thumbnail = f"thumbnails/{key}.webp"
    await storage.put_file(thumbnail, facts.thumbnail, "image/webp")
    return thumbnail


def _note(said: dict[str, Any], facts: Facts) -> dict[str, Any]:
    measured = {"width": facts.width, "height": facts.height, "duration": facts.duration, "error": facts.error}
    return said | {name: value for name, value in measured.items() if value is not None}


async def _give_up(shop: Workshop, work: Import, reason: str) -> None:
    log.info("file of an output not copied", output_id=str(work.output_id), reason=reason)
    async with shop.database.transaction() as tx:
        if await store.still_wanted(tx, work) is not None:
            await store.note(tx, work.output_id, {"copied": False, "error": reason})
        await store.finish(tx, work)


async def _try_later(shop: Workshop, work: Import, reason: str) -> None:
    if work.tries > len(WAITS):
        await _give_up(shop, work, reason)
        return
    async with shop.database.transaction() as tx:
        if await store.still_wanted(tx, work) is not None:
            await store.note(tx, work.output_id, {"copied": False, "error": reason, "tries": work.tries})
        await store.postpone(tx, work, seconds=WAITS[work.tries - 1])


async def _inspect_next(shop: Workshop) -> bool:
    async with shop.database.reader() as writer:
        file = await inspection_store.take_uninspected(writer, for_seconds=TAKEN_FOR)
    if file is None:
        return False
    try:
        with _folder() as name:
            async with _local_copy(shop.storage, file.key, Path(name)) as path:
                facts = await probe(path, Path(name))
            thumbnail = await _store_thumbnail(shop.storage, file.key, facts)
    except FileNotFoundError:  # trying again does not help
        await _record(shop, file, Facts(error="The file is not in storage any more."), None)
    except ValueError as error:  # too large
        await _record(shop, file, Facts(error=str(error)), None)
    except OSError as error:
        log.warning("stored file unreadable", key=file.key, error=str(error))
        if file.tries > len(WAITS):
            await _record(shop, file, Facts(error="The file could not be read."), None)
        else:
            async with shop.database.reader() as writer:
                await inspection_store.postpone(writer, file.id, seconds=WAITS[file.tries - 1])
    else:
        await _record(shop, file, facts, thumbnail)
    return True


@asynccontextmanager
async def _local_copy(storage: Storage, key: str, folder: Path) -> AsyncIterator[Path]:
    """Lend the path of a stored file; it is fetched if it is not on this machine."""
    path = storage.local_path(key)
    if path is None:
        size = await storage.size(key)
        if size > MAX_BYTES:
            raise ValueError(f"The file is larger than {MAX_BYTES} bytes.")
        path = folder / "file"
        with path.open("wb") as target:
            async with aclosing(storage.stream(key)) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    await asyncio.to_thread(target.write, chunk)
    yield path


async def _record(shop: Workshop, file: Uninspected, facts: Facts, thumbnail: str | None) -> None:
    """Say what was found in a file, and let the outputs that show it show that too."""
    async with shop.database.transaction() as tx:
        await inspection_store.set_facts(tx, file.id, facts, thumbnail)  # which locks the file, before outputs
        for output_id in await store.showing(tx, file.id):
            await store.show_facts(
                tx,
                output_id,
                mime_type=facts.mime_type,
                thumbnail_url=thumbnail and public_url(shop.settings, thumbnail),
            )
            if facts.error is not None:
                await store.note(tx, output_id, {"error": facts.error})
