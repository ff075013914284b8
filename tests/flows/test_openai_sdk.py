"""The official client of OpenAI with nothing changed but address and key: the real api, and a real worker."""

import base64
import io
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI
from PIL import Image
from tests.factories import make_user
from tests.flows.conftest import System

from emprops.auth import store as auth
from emprops.auth.keys import make_key

pytestmark = [pytest.mark.usefixtures("shared_worker"), pytest.mark.timeout(120)]


@pytest.fixture
async def client(system: System, shared_worker: Process) -> AsyncIterator[AsyncOpenAI]:
    key = make_key()
    async with system.database.transaction() as tx:
        await make_user(tx, system.user_id)
        await auth.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="sdk", scopes=["service"], owner=system.user_id, life=None
        )
    async with AsyncOpenAI(base_url=f"{system.http.base_url}/v1", api_key=key.text) as client:
        yield client


def opened(encoded: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded or "")))


async def test_the_samples_are_models(client: AsyncOpenAI) -> None:
    models = {model.id async for model in client.models.list()}
    assert models >= {"art", "art-2x", "upscale", "image-to-video"}
    assert "story" not in models


async def test_a_picture(client: AsyncOpenAI, system: System) -> None:
    answer = await client.images.generate(
        model="art", prompt="a quiet harbour at dawn", n=2, extra_body={"palette": "dawn", "seed": 7}
    )
    assert answer.data is not None
    assert [opened(image.b64_json).format for image in answer.data] == ["PNG", "PNG"]
    assert (await system.file(str(answer.data[1].url))).status_code == 200
    job = await system.get(f"/api/jobs/{answer.job_id}")  # type: ignore[attr-defined]
    assert job["data"]["variables"] == {"prompt": "a quiet harbour at dawn", "palette": "dawn", "seed": 7}
    assert len(job["output_ids"]) == 2


async def test_a_stream(client: AsyncOpenAI) -> None:
    events = [event async for event in await client.images.generate(model="art", prompt="a fox", stream=True)]
    assert events[-1].type == "image_generation.completed"
    assert opened(events[-1].b64_json).size == (768, 768)


async def test_a_picture_of_a_picture(client: AsyncOpenAI, system: System) -> None:
    """The worker gets what was sent: it is an asset, which nobody else can read."""
    small = io.BytesIO()
    Image.new("RGB", (32, 24), "teal").save(small, "PNG")
    answer = await client.images.edit(model="upscale", prompt="larger", image=("small.png", small.getvalue()))
    assert answer.data is not None
    assert opened(answer.data[0].b64_json).size == (64, 48)
    [asset] = await system.get("/assets")
    job = await system.get(f"/api/jobs/{answer.job_id}")  # type: ignore[attr-defined]
    assert job["data"]["variables"] == {"image": f"asset:{asset['id']}"}


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
async def test_a_video_of_a_picture(client: AsyncOpenAI) -> None:
    small = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(small, "PNG")
    asked: Any = {"model": "image-to-video", "seconds": "2", "size": "1280x720"}
    video = await client.videos.create_and_poll(
        prompt="slowly", input_reference=("small.png", small.getvalue()), poll_interval_ms=100, **asked
    )
    assert (video.status, video.seconds) == ("completed", "2")
    content = await client.videos.download_content(video.id)
    assert content.content[4:8] == b"ftyp"
