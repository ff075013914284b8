"""Results behind signed URLs, as WebSockets name them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from tests.live.scene import Scene, scene_of

from emprops.kit.database import Database
from emprops.queue.messages import Finished, StoredFile
from emprops.settings import Settings


@pytest.fixture
async def scene(
    live_settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[Scene]:
    signed = live_settings.model_copy(update={"result_links": "signed"})
    async with scene_of(signed, database, redis, tmp_path) as scene:
        yield scene


async def test_news_of_a_job_have_urls_that_open(scene: Scene) -> None:
    job_id = await scene.start()
    async with scene.page() as page:
        await page.subscribe(job_id)
        claim = await scene.worker.claim_one()
        key = f"generations/{job_id}/{claim.ticket.id}-1-0123abcd-0.png"
        await scene.app.state.resources.storage.put_bytes(key, b"a picture", "image/png")
        file = StoredFile(key=key, mime_type="image/png", size=9, sha256="0" * 64)
        assert await scene.worker.finish(claim, Finished(files=(file,), data={}))
        await scene.settle()
        made = await page.until("complete_job")
        end = await page.until("job_status_changed", status="completed")
        asked = await page.ask("request_job_status", "job_status", job_id=job_id)
    url = made["result"]["output_files"][0]["url"]
    assert {end["job"]["workflow_output"], end["job"]["data"]["outputs"][0]["files"][0]["url"], url} == {url}
    assert asked["job"]["workflow_output"] == url
    answer = await scene.client.get(url.removeprefix(scene.settings.base_url))
    assert (answer.status_code, answer.content) == (200, b"a picture")
