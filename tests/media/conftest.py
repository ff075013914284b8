"""A Mux of our own, and the api that uses it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api, client_of, served
from tests.factories import Job, make_job, make_step
from tests.fakes.mux import TOKEN_ID, TOKEN_SECRET, WEBHOOK_SECRET, FakeMux
from tests.looking import looked_at_here  # noqa: F401 - a fixture

from emprops.kit import outbox
from emprops.kit.database import Database
from emprops.media.file_store import StepFiles, record_files
from emprops.media.mux import assets
from emprops.media.mux.client import MuxClient, client_from
from emprops.media.storage import FolderStorage
from emprops.queue.messages import StoredFile
from emprops.settings import Settings


@dataclass
class MuxRig:
    """The fake, the client of it, and what a test does with both."""

    fake: FakeMux
    client: MuxClient
    settings: Settings
    database: Database
    storage: FolderStorage

    async def video(self, mime_type: str = "video/mp4") -> int:
        """Record a stored video as the orchestrator does; its row's id."""
        async with self.database.transaction() as tx:
            job: Job = await make_job(tx)
            step = await make_step(tx, job)
            stored = StoredFile(key=f"generations/{step}/a.mp4", mime_type=mime_type, name="a.mp4", size=9, sha256="0")
            recorded = await record_files(tx, self.settings, [StepFiles(job.user_id, job.id, step, [stored])])
            [file] = recorded[step]
        assert file.id is not None
        return file.id

    async def deliver(self) -> int:
        """Deliver what is due in the outbox."""
        return await outbox.deliver_due(
            self.database, assets.handlers(self.client, self.database, self.storage, self.settings)
        )

    async def due_now(self) -> None:
        """Let the time until the next attempts pass."""
        async with self.database.transaction() as tx:
            await tx.execute("UPDATE outbox SET next_at = now() WHERE done_at IS NULL AND given_up_at IS NULL")

    async def ids(self, file_id: int) -> tuple[str | None, str | None]:
        """The file's asset and playback id."""
        [row] = await self.rows("SELECT mux_asset_id, mux_playback_id FROM flat_file WHERE id = %s", file_id)
        return row["mux_asset_id"], row["mux_playback_id"]

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        async with self.database.reader() as reader:
            return await reader.fetch_dicts(sql, values)

    async def asset(self) -> tuple[int, str]:
        """A file with an asset that is being prepared."""
        file_id = await self.video()
        assert await self.deliver() == 1
        asset_id, playback_id = await self.ids(file_id)
        assert asset_id is not None
        assert playback_id is None
        return file_id, asset_id


@pytest.fixture
async def mux(settings: Settings, database: Database, tmp_path: Path) -> AsyncIterator[MuxRig]:
    fake = FakeMux()
    async with served(fake.app()) as server:  # type: ignore[arg-type]
        wired = settings.model_copy(
            update={
                "mux_token_id": TOKEN_ID,
                "mux_token_secret": type(settings.mux_token_secret)(TOKEN_SECRET),
                "mux_webhook_secret": type(settings.mux_webhook_secret)(WEBHOOK_SECRET),
                "mux_base_url": str(server.base_url),
            }
        )
        client = client_from(wired)
        assert client is not None
        yield MuxRig(fake, client, wired, database, FolderStorage(tmp_path))


@pytest.fixture
async def app(mux: MuxRig, redis: redis.asyncio.Redis, tmp_path: Path) -> AsyncIterator[FastAPI]:
    # it hears of Mux and does not call it; with one address for all tests it is built once
    hearing = mux.settings.model_copy(update={"mux_base_url": "https://mux.test"})
    async with api(hearing, mux.database, redis, tmp_path) as app:
        yield app


@pytest.fixture
async def mux_client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client
