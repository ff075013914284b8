"""Pictures of a text, with the official client."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from tests.apps import as_user
from tests.fakes.pictures import PNG
from tests.openai_api.door import Door
from tests.orchestrator.rig import FAILED

pytestmark = pytest.mark.timeout(60)


async def variables_of(door: Door, answer: Any) -> dict[str, Any]:
    job = await door.rig.job(answer.job_id)
    return dict(job["data"]["variables"])


async def test_a_picture_comes_by_url_and_within_the_answer(door: Door) -> None:
    model = await door.make_model()
    answer = await door.made(door.client.images.generate(model=model, prompt="a quiet harbour"))
    assert answer.data is not None
    [image] = answer.data
    assert image.b64_json is not None
    assert base64.b64decode(image.b64_json) == PNG
    assert image.url == f"{door.rig.settings.base_url}/files/generations/a.png"
    assert answer.output_format == "png"
    job = await door.rig.job(answer.job_id)  # type: ignore[attr-defined]
    assert job["status"] == "completed"
    assert len(job["output_ids"]) == 1
    assert (await variables_of(door, answer)) == {"words": "a quiet harbour"}


@pytest.mark.parametrize(("form", "there"), [("url", "url"), ("b64_json", "b64_json")])
async def test_the_caller_says_how_it_comes(door: Door, form: Any, there: str) -> None:
    model = await door.make_model()
    answer = await door.made(door.client.images.generate(model=model, prompt="a harbour", response_format=form))
    assert answer.data is not None
    assert {name for name, value in answer.data[0] if value is not None} == {there}


async def test_parameters_find_their_variables_by_what_they_fill(door: Door) -> None:
    model = await door.make_model()
    answer = await door.made(
        door.client.images.generate(
            model=model,
            prompt="a quiet harbour",
            size="512x768",
            quality="hd",
            style="vivid",
            user="somebody",
            background="auto",
            extra_body={"seed": 7, "photo": "https://cdn.example.com/a.png"},
        )
    )
    assert await variables_of(door, answer) == {
        "words": "a quiet harbour",
        "across": 512,
        "down": 768,
        "seed": 7,
        "photo": "https://cdn.example.com/a.png",
    }
    assert door.claims[0].ticket.payload["style"] in ("auto", "bloom", "ink")


async def test_variables_can_be_named_as_the_collection_does(door: Door) -> None:
    model = await door.make_model()
    extra = {"variables": {"across": 64, "style": "ink"}}
    answer = await door.made(door.client.images.generate(model=model, prompt="a harbour", extra_body=extra))
    assert await variables_of(door, answer) == {"words": "a harbour", "across": 64, "style": "ink"}


async def test_several_pictures_are_generations_of_one_job(door: Door) -> None:
    model = await door.make_model(price=0.5)

    async def run() -> None:
        first = await door.begun()
        rest = [await door.claim() for _ in range(2)]
        for number, claim in enumerate((first, *rest)):
            await door.finish(claim, name=f"p{claim.ticket.workflow_context.current_step}")
            assert number < 3

    answer = await door.made(door.client.images.generate(model=model, prompt="a harbour", n=3), run)
    assert answer.data is not None
    assert [str(image.url).rpartition("/")[2] for image in answer.data] == ["p1.png", "p2.png", "p3.png"]
    job = await door.rig.job(answer.job_id)  # type: ignore[attr-defined]
    assert (job["total_steps"], job["price"]["charged"], len(job["output_ids"])) == (3, 1.5, 3)


async def test_the_operator_may_give_models_other_names(door: Door) -> None:
    model = await door.make_model()
    await door.rig.execute("UPDATE collection SET slug = 'art' WHERE id = %s", model)
    answer = await door.made(door.client.images.generate(model="gpt-image-1", prompt="a harbour"))
    assert answer.data is not None
    assert answer.data[0].b64_json
    assert answer.data[0].url is None, "OpenAI's have none, and Open WebUI would fetch it"
    answer = await door.made(
        door.client.images.generate(model="gpt-image-1", prompt="a harbour", response_format="url")
    )
    assert answer.data is not None
    assert answer.data[0].url


async def test_a_request_that_is_sent_again_gets_the_same_pictures(door: Door) -> None:
    model = await door.make_model()
    again = {"extra_headers": {"Idempotency-Key": "once"}}
    first = await door.made(door.client.images.generate(model=model, prompt="a harbour", **again))  # type: ignore[arg-type]
    second = await door.client.images.generate(model=model, prompt="a harbour", **again)  # type: ignore[arg-type]
    assert second == first
    assert len(await door.rig.rows("SELECT FROM job")) == 1
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        await door.client.images.generate(model=model, prompt="another", **again)  # type: ignore[arg-type]
    assert refused.value.code == "idempotency_mismatch"


async def test_a_job_that_fails_is_told_and_not_sent_again(door: Door) -> None:
    model = await door.make_model(price=0.5)

    async def fail() -> None:
        claim = await door.begun()
        assert await door.rig.worker.finish(claim, FAILED)
        await door.rig.settle()

    client = door.client.with_options(max_retries=2)
    with pytest.raises(openai.APIStatusError) as failed:
        await door.made(client.images.generate(model=model, prompt="a harbour"), fail)
    assert (failed.value.status_code, failed.value.code) == (422, "generation_failed")
    assert failed.value.body["message"] == "The generation failed: the model refused"  # type: ignore[index]
    assert len(await door.rig.rows("SELECT FROM job")) == 1


async def test_what_takes_too_long_goes_on(door: Door) -> None:
    model = await door.make_model()
    settings = door.rig.settings.model_copy(update={"openai_patience": 0.05})
    door.rig.app.state.resources = replace(door.rig.app.state.resources, settings=settings)
    client = door.client.with_options(max_retries=2)
    with pytest.raises(openai.InternalServerError) as late:
        await client.images.generate(model=model, prompt="a harbour")
    [row] = await door.rig.rows("SELECT id, status FROM job")
    assert (late.value.status_code, late.value.code, row["status"]) == (504, "still_running", "pending")
    assert str(row["id"]) in str(late.value)


async def test_a_client_that_leaves_leaves_the_job_alone(door: Door) -> None:
    model = await door.make_model()
    ends = door.rig.app.state.ends
    call = asyncio.ensure_future(door.client.images.generate(model=model, prompt="a harbour"))
    claim = await door.begun()
    call.cancel()
    async with asyncio.timeout(15):
        while ends.waiting:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    await door.finish(claim)
    [row] = await door.rig.rows("SELECT status FROM job")
    assert row["status"] == "completed"


async def test_local_installations_take_a_user_id_for_a_key(door: Door) -> None:
    model = await door.make_model()
    async with AsyncOpenAI(base_url=door.client.base_url, api_key=str(door.rig.user_id), max_retries=0) as client:
        answer = await door.made(client.images.generate(model=model, prompt="a harbour"))
    assert (await door.rig.job(answer.job_id))["status"] == "completed"  # type: ignore[attr-defined]


async def test_pictures_that_are_elsewhere_come_by_url(door: Door) -> None:
    model = await door.make_model()
    url = "https://cdn.example.com/b.png"

    async def complete() -> None:
        claim = await door.begun()
        job_id = claim.ticket.workflow_context.workflow_id
        body = {"outputs": [{"files": [{"url": url, "mime_type": "image/png"}]}], "workflow_output": url}
        await door.rig.ok(job_id, "complete", body, **door.rig.service)  # type: ignore[arg-type]
        await door.rig.dispatcher.flush()

    call = door.client.images.generate(model=model, prompt="a harbour", response_format="b64_json")
    answer = await door.made(call, complete)
    assert answer.data is not None
    assert (answer.data[0].url, answer.data[0].b64_json) == (url, None)


async def test_the_body_is_what_json_parsers_take(door: Door) -> None:
    model = await door.make_model()
    call = door.http.post(
        "/v1/images/generations",
        json={"model": model, "prompt": "a harbour"},
        headers=as_user(door.rig.user_id),
    )
    response: httpx2.Response = await door.made(call)
    assert int(response.headers["content-length"]) == len(response.content)
    assert json.loads(response.content)["data"][0].keys() == {"b64_json", "url"}
