"""Results behind signed URLs, as OpenAI's API names them."""

import base64
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.fakes.pictures import PNG
from tests.openai_api.door import Door

from emprops.queue.messages import Finished, StoredFile
from emprops.settings import Settings


@pytest.fixture
def rig_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"result_links": "signed"})


async def finish(door: Door) -> None:
    """End the next step with a picture under the job's own key."""
    claim = await door.begun()
    key = f"generations/{claim.ticket.workflow_context.workflow_id}/{claim.ticket.id}-1-0123abcd-0.png"
    await door.rig.app.state.resources.storage.put_bytes(key, PNG, "image/png")
    file = StoredFile(key=key, mime_type="image/png", size=len(PNG), sha256="0" * 64)
    await door.finish(claim, Finished(files=(file,), data={}))


async def test_the_url_of_a_picture_opens_and_its_content_is_there(door: Door) -> None:
    call = door.client.images.generate(model=await door.make_model(), prompt="a quiet harbour")
    answer = await door.made(call, lambda: finish(door))
    [image] = answer.data or ()
    assert base64.b64decode(image.b64_json or "") == PNG
    path = (image.url or "").removeprefix(door.rig.settings.base_url)
    assert (await door.http.get(path)).content == PNG
    assert (await door.http.get(path.partition("?")[0])).status_code == 404


async def test_a_video_that_shows_what_is_not_ones_own_is_not_sent(door: Door) -> None:
    """Its owner may complete it with any URL, and gets no file for that."""
    theirs = "generations/their-job/1.png"
    await door.rig.app.state.resources.storage.put_bytes(theirs, PNG, "image/png")
    who, wanted = {"Authorization": f"Bearer {door.key}"}, {"model": await door.make_model(), "prompt": "a harbour"}
    await door.rig.execute("UPDATE workflow SET output_mime_type = 'video/mp4'")
    video = (await door.http.post("/v1/videos", json=wanted, headers=who)).json()["id"]
    await finish(door)
    content = f"/v1/videos/{video}/content"
    assert (await door.http.get(content, headers=who)).content == PNG
    [output] = await door.rig.outputs(UUID(video))
    body = {"url": f"{door.rig.settings.base_url}/files/{theirs}"}
    path, owner = f"/outputs/{output['id']}/complete", as_user(door.rig.user_id)
    assert (await door.http.patch(path, json=body, headers=owner)).status_code == 200
    assert (await door.http.get(content, headers=who)).status_code == 404
