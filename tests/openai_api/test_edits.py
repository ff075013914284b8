"""Pictures of pictures: a form with files, which become assets."""

import base64
import io
from typing import Any
from uuid import UUID

import httpx2
import openai
import pytest
from PIL import Image
from tests.apps import as_user
from tests.fakes.pictures import JPEG, PNG, picture
from tests.openai_api.door import FILLS, VARIABLES, Door

pytestmark = pytest.mark.timeout(60)

GREEN = picture("green")


async def job_of(door: Door, answer: Any) -> dict[str, Any]:
    return dict((await door.rig.job(answer.job_id))["data"]["variables"])


async def content_of(door: Door, reference: str) -> httpx2.Response:
    kind, _, asset_id = reference.partition(":")
    assert kind == "asset"
    return await door.http.get(f"/assets/{asset_id}/content", headers=as_user(door.rig.user_id))


async def test_a_picture_is_an_asset_that_the_model_takes(door: Door) -> None:
    model = await door.make_model()
    answer = await door.made(
        door.client.images.edit(
            model=model, prompt="add a boat", image=("harbour.png", PNG), size="512x512", extra_body={"seed": 7}
        )
    )
    assert answer.data is not None
    assert answer.data[0].b64_json
    variables = await job_of(door, answer)
    stored = await content_of(door, variables.pop("photo"))
    assert stored.headers["content-type"] == "image/png"
    assert "words" in variables
    assert variables["words"] == "add a boat"
    assert (variables["across"], variables["down"], int(variables["seed"])) == (512, 512, 7)


async def test_several_pictures_and_a_mask(door: Door) -> None:
    second = {"name": "other", "type": "text", "value_type": "strings", "required": False}
    model = await door.make_model(
        variables=[*VARIABLES, second, {**second, "name": "image_2"}], fills={**FILLS, "mask": "hole", "style": "other"}
    )
    answer = await door.made(door.client.images.edit(model=model, prompt="add a boat", image=[PNG, GREEN], mask=JPEG))
    variables = await job_of(door, answer)
    assert variables.keys() == {"words", "photo", "image_2", "hole"}
    assert len({variables["photo"], variables["image_2"], variables["hole"]}) == 3


async def test_a_stream_shows_how_it_changes(door: Door) -> None:
    model = await door.make_model()
    call = door.client.images.edit(model=model, prompt="add a boat", image=PNG, stream=True)
    events = await door.client_stream(call)
    assert [event.type for event in events] == ["image_edit.completed"]


async def test_the_same_picture_twice_is_one_asset(door: Door) -> None:
    model = await door.make_model()
    for _ in range(2):
        await door.made(door.client.images.edit(model=model, prompt="add a boat", image=PNG))
    assert len(await door.rig.rows("SELECT FROM asset")) == 1


async def test_variables_come_in_a_form_too(door: Door) -> None:
    model = await door.make_model()
    extra = {"variables": {"across": 64, "style": "ink"}, "quality": "high"}
    answer = await door.made(
        door.client.images.edit(model=model, prompt="add a boat", image=PNG, n=1, extra_body=extra)
    )
    variables = await job_of(door, answer)
    assert (int(variables["across"]), variables["style"]) == (64, "ink")


async def test_an_asset_may_be_named_in_json(door: Door) -> None:
    model = await door.make_model()
    made = await door.http.post("/assets", files={"file": ("a.png", PNG)}, headers=as_user(door.rig.user_id))
    reference = f"asset:{made.json()['data']['id']}"
    body = {"model": model, "prompt": "add a boat", "image": reference}
    answer = await door.made(door.http.post("/v1/images/edits", json=body, headers=as_user(door.rig.user_id)))
    job = await door.rig.job(answer.json()["job_id"])
    assert job["data"]["variables"]["photo"] == reference


async def test_pictures_may_be_within_json(door: Door) -> None:
    model = await door.make_model()
    large = io.BytesIO()
    Image.effect_noise((1200, 1200), 100).save(large, "PNG")
    urls = [f"data:image/png;base64,{base64.b64encode(content).decode()}" for content in (large.getvalue(), GREEN)]
    assert len(urls[0]) > door.rig.settings.max_body_bytes
    kept = await door.http.post("/assets", files={"file": ("b.png", GREEN)}, headers=as_user(door.rig.user_id))
    its_id = kept.json()["data"]["id"]
    for body in ({"image": urls[0]}, {"image": urls[:1], "mask": urls[1]}, {"image": its_id, "hole": urls[1]}):
        sent = {"model": model, "prompt": "add a boat", **body}
        answer = await door.made(door.http.post("/v1/images/edits", json=sent, headers=as_user(door.rig.user_id)))
        variables = (await door.rig.job(answer.json()["job_id"]))["data"]["variables"]
        assert all(value.startswith("asset:") for name, value in variables.items() if name != "words")
    assert len(await door.rig.rows("SELECT FROM asset")) == 2


async def test_json_names_pictures_as_the_present_api_does(door: Door) -> None:
    second = {"name": "image_2", "type": "text", "value_type": "strings", "required": False}
    model = await door.make_model(variables=[*VARIABLES, second])
    large = io.BytesIO()
    Image.effect_noise((1200, 1200), 100).save(large, "PNG")
    whole, mask = (f"data:image/png;base64,{base64.b64encode(one).decode()}" for one in (large.getvalue(), GREEN))
    made = await door.http.post("/assets", files={"file": ("a.png", PNG)}, headers=as_user(door.rig.user_id))
    its_id = made.json()["data"]["id"]
    for mask_as in (mask, {"image_url": mask}):
        images = [{"image_url": whole}, {"file_id": its_id}]
        body = {"model": model, "prompt": "add a boat", "images": images, "mask": mask_as}
        answer = await door.made(door.http.post("/v1/images/edits", json=body, headers=as_user(door.rig.user_id)))
        variables = (await door.rig.job(answer.json()["job_id"]))["data"]["variables"]
        assert variables.keys() == {"words", "photo", "image_2", "hole"}
        assert variables["image_2"] == f"asset:{its_id}"
        assert Image.open(io.BytesIO((await content_of(door, variables["photo"])).content)).size == (1200, 1200)
        assert (await content_of(door, variables["hole"])).content == GREEN


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"images": []}, "images"),
        ({"images": [{}]}, "images.0"),
        ({"images": [{"image_url": "asset:x", "file_id": "x"}]}, "images.0"),
        ({"images": [{"image_url": 7}]}, "images.0"),
        ({"images": [{"file_id": "nothing"}] * 17}, "images"),
        ({"images": [{"file_id": "asset:x"}], "mask": {"url": "x"}}, "mask"),
        ({"images": [{"file_id": str(UUID(int=7))}]}, "photo"),
        ({"images": [{"image_url": "data:image/png;base64,"}]}, "photo"),
        ({"images": [{"file_id": "asset:x"}, {"file_id": "asset:x"}]}, "image"),
    ],
)
async def test_pictures_in_json_that_are_none(door: Door, asked: dict[str, Any], param: str) -> None:
    model = await door.make_model()
    sent = {"model": model, "prompt": "add a boat"} | asked
    response = await door.http.post("/v1/images/edits", json=sent, headers=as_user(door.rig.user_id))
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "invalid_value", param), response.text


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"model": "nope"}, "model_not_found", "model"),
        ({"size": "large"}, "invalid_value", "size"),
        ({"n": 11}, "invalid_value", "n"),
        ({"image": [PNG, GREEN]}, "invalid_value", "image"),
        ({"image": b"these are words"}, "invalid_value", "image"),
        ({"image": b'<svg xmlns="http://www.w3.org/2000/svg"/>'}, "invalid_value", "image"),
        ({"mask": b"%PDF-1.7 no picture"}, "invalid_value", "mask"),
        ({"extra_body": {"seeds": "7"}}, "unknown_parameter", "seeds"),
    ],
)
async def test_nothing_is_kept_of_what_is_refused(door: Door, asked: dict[str, Any], code: str, param: str) -> None:
    model = await door.make_model()
    with pytest.raises(openai.APIStatusError) as error:
        await door.client.images.edit(**({"model": model, "prompt": "add a boat", "image": PNG} | asked))
    assert (error.value.code, error.value.param) == (code, param)
    assert not await door.rig.rows("SELECT FROM asset")
    assert not await door.rig.rows("SELECT FROM job")


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"data": {"prompt": "add a boat"}, "files": {"image": ("a.png", b"")}}, 400, "empty_file"),
        ({"data": {"prompt": "a boat"}, "files": {"image": ("a.png", PNG[:40])}}, 400, "unreadable_picture"),
        ({"data": {"prompt": "a boat"}, "files": {"mask": ("a.png", PNG)}}, 400, "missing_required_parameter"),
        ({"files": {"image": ("a.png", PNG)}}, 400, "missing_required_parameter"),
        ({"data": {"prompt": "a boat"}}, 415, "unsupported_media_type"),
        ({"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad_request"),
    ],
)
async def test_forms_that_are_none(door: Door, form: dict[str, Any], status: int, code: str) -> None:
    model = await door.make_model()
    form.setdefault("data", {}) if "content" not in form else None
    if "data" in form:
        form = form | {"data": form["data"] | {"model": model}}
    headers = form.pop("headers", {}) | as_user(door.rig.user_id)
    response = await door.http.post("/v1/images/edits", headers=headers, **form)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    assert not await door.rig.rows("SELECT FROM job")


async def test_nothing_within_json_is_kept_if_it_cannot_be_paid(door: Door) -> None:
    model = await door.make_model(price=5000)
    images = [{"image_url": f"data:image/png;base64,{base64.b64encode(GREEN).decode()}"}]
    sent = {"model": model, "prompt": "add a boat", "images": images}
    response = await door.http.post("/v1/images/edits", json=sent, headers=as_user(door.rig.user_id))
    assert (response.status_code, response.json()["error"]["code"]) == (429, "insufficient_quota")
    assert not await door.rig.rows("SELECT FROM asset")


async def test_strangers_bring_nothing(door: Door) -> None:
    response = await door.http.post("/v1/images/edits", data={"prompt": "x"}, files={"image": ("a.png", PNG)})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
