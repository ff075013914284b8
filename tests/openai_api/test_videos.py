"""Videos: started, asked for, fetched, listed and deleted, with the official client."""

from typing import Any

import openai
import pytest
from tests.apps import as_user
from tests.fakes.pictures import MP4, PNG
from tests.openai_api.door import TEXT, VARIABLES, Door
from tests.orchestrator.rig import FAILED

from emprops.kit.ids import new_id
from emprops.queue.messages import Claim, Finished, StoredFile

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning"),
]

CLIP = {"name": "clip", "type": "pick", "value": {"values": ["4s", "8s"]}}


@pytest.fixture
async def model(door: Door) -> str:
    variables = [VARIABLES[0], VARIABLES[1], VARIABLES[2], {**CLIP, "name": "duration"}, {"name": "photo", **TEXT}]
    fills = {"prompt": "words", "width": "across", "height": "down", "style": "duration", "image": "photo"}
    model = await door.make_model(variables=variables, fills=fills)
    await door.rig.execute("UPDATE workflow SET output_mime_type = 'video/mp4'")
    return model


async def film(door: Door, claim: Claim) -> None:
    storage = door.rig.app.state.resources.storage
    await storage.put_bytes("generations/a.mp4", MP4, "video/mp4")
    await storage.put_bytes("thumbnails/a.webp", PNG, "image/webp")
    file = StoredFile("generations/a.mp4", "video/mp4", len(MP4), "0" * 64, thumbnail_key="thumbnails/a.webp")
    assert await door.rig.worker.finish(claim, Finished(files=(file,)))
    await door.rig.settle()


async def test_a_video_from_its_start_to_its_content(door: Door, model: str) -> None:
    asked: Any = {"model": model, "prompt": "a quiet harbour", "seconds": "8", "size": "1280x720"}
    video = await door.client.videos.create(**asked)
    assert (video.object, video.status, video.progress) == ("video", "queued", 0)
    assert (video.model, video.prompt, video.seconds, video.size) == (model, "a quiet harbour", "8", "1280x720")
    job = await door.rig.job(video.id)  # type: ignore[arg-type]
    assert job["data"]["variables"] == {
        "words": "a quiet harbour", "across": 1280, "down": 720, "duration": "8s"
    }  # fmt: skip
    with pytest.raises(openai.NotFoundError, match="not there yet"):
        await door.client.videos.download_content(video.id)
    claim = await door.begun()
    assert (await door.client.videos.retrieve(video.id)).status == "in_progress"
    await film(door, claim)
    done = await door.client.videos.retrieve(video.id)
    assert (done.status, done.progress, done.error) == ("completed", 100, None)
    assert done.completed_at
    assert (await door.client.videos.download_content(video.id)).content == MP4
    thumbnail = await door.client.videos.download_content(video.id, variant="thumbnail")
    assert thumbnail.content == PNG


async def test_a_video_of_a_picture(door: Door, model: str) -> None:
    sent = await door.client.videos.create(model=model, prompt="a harbour", input_reference=("a.png", PNG))
    photo = (await door.rig.job(sent.id))["data"]["variables"]["photo"]  # type: ignore[arg-type]
    assert photo.startswith("asset:")
    body = {"model": model, "prompt": "a harbour", "input_reference": {"image_url": "https://cdn.example.com/a.png"}}
    named = await door.http.post("/v1/videos", json=body, headers=as_user(door.rig.user_id))
    variables = (await door.rig.job(named.json()["id"]))["data"]["variables"]
    assert variables == {"words": "a harbour", "photo": "https://cdn.example.com/a.png"}


async def test_a_video_that_fails_says_why(door: Door, model: str) -> None:
    video = await door.client.videos.create(model=model, prompt="a harbour")
    assert await door.rig.worker.finish(await door.begun(), FAILED)
    await door.rig.settle()
    failed = await door.client.videos.retrieve(video.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == ("generation_failed", "the model refused")
    with pytest.raises(openai.UnprocessableEntityError):
        await door.client.videos.download_content(video.id)


async def test_videos_are_listed_page_by_page(door: Door, model: str) -> None:
    made = [(await door.client.videos.create(model=model, prompt=f"{n}")).id for n in range(3)]
    await door.rig.start()
    assert [video.id async for video in door.client.videos.list(limit=2)] == made[::-1]
    assert [video.id async for video in door.client.videos.list(limit=1, order="asc")] == made
    first = await door.client.videos.list(limit=2)
    assert (first.has_more, first.last_id) == (True, made[1])


async def test_a_deleted_video_is_gone(door: Door, model: str) -> None:
    video = await door.client.videos.create(model=model, prompt="a harbour")
    assert (await door.client.videos.delete(video.id)).deleted
    for call in (door.client.videos.retrieve, door.client.videos.delete, door.client.videos.download_content):
        with pytest.raises(openai.NotFoundError) as gone:
            await call(video.id)
        assert gone.value.code == "video_not_found"
    assert [one async for one in door.client.videos.list()] == []
    assert (await door.rig.job(video.id))["status"] == "failed"  # type: ignore[arg-type]


async def test_other_jobs_and_foreign_videos_are_none(door: Door, model: str) -> None:
    video = await door.client.videos.create(model=model, prompt="a harbour")
    job_id = await door.rig.start()
    for name in (str(job_id), "nonsense", str(new_id())):
        with pytest.raises(openai.NotFoundError):
            await door.client.videos.retrieve(name)
    other = await door.http.get(f"/v1/videos/{video.id}", headers=as_user(new_id()))
    assert (other.status_code, other.json()["error"]["code"]) == (404, "video_not_found")


@pytest.mark.parametrize(
    ("asked", "param"),
    [({"seconds": "6"}, "seconds"), ({"seconds": "long"}, "seconds"), ({"size": "large"}, "size")],
)
async def test_what_the_model_does_not_make_is_refused(
    door: Door, model: str, asked: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await door.client.videos.create(**({"model": model, "prompt": "a harbour"} | asked))
    assert refused.value.param == param
    assert not await door.rig.rows("SELECT FROM job")


async def test_models_of_pictures_make_no_videos_nor_those_of_videos_pictures(door: Door, model: str) -> None:
    with pytest.raises(openai.BadRequestError, match="makes no pictures"):
        await door.client.images.generate(model=model, prompt="a harbour")
    await door.rig.execute("UPDATE workflow SET output_mime_type = 'image/png'")
    with pytest.raises(openai.BadRequestError, match="makes no videos"):
        await door.client.videos.create(model=model, prompt="a harbour")
