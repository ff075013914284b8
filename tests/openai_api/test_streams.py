"""Partial pictures while a job runs."""

import asyncio
import base64
from contextlib import AsyncExitStack
from typing import Any

import openai
import pytest
from tests.apps import served
from tests.fakes.pictures import JPEG, PNG
from tests.openai_api.door import Door
from tests.orchestrator.rig import FAILED

from emprops.openai_api import answers

pytestmark = pytest.mark.timeout(60)


async def test_partial_pictures_come_before_the_picture(door: Door) -> None:
    model = await door.make_model()
    calling = asyncio.ensure_future(
        door.client.images.generate(model=model, prompt="a harbour", stream=True, partial_images=2)
    )
    claim = await door.begun()
    events = aiter(await calling)
    await door.show(claim, b"so far", 1, "text/plain")
    await door.show(claim, JPEG, 2, "image/jpeg")
    first: Any = await anext(events)
    assert (first.type, first.partial_image_index) == ("image_generation.partial_image", 0)
    assert (base64.b64decode(first.b64_json), first.output_format) == (JPEG, "jpeg")
    await door.show(claim, PNG, 3)
    second: Any = await anext(events)
    assert (second.partial_image_index, second.output_format) == (1, "png")
    await door.show(claim, PNG, 4)
    await door.finish(claim)
    last: Any = await anext(events)
    assert last.type == "image_generation.completed"
    assert base64.b64decode(last.b64_json) == PNG
    assert last.usage.total_tokens == 0
    assert [event async for event in events] == []


async def test_none_are_shown_to_who_wants_none(door: Door) -> None:
    model = await door.make_model()
    call = door.client.images.generate(model=model, prompt="a harbour", stream=True, partial_images=0)
    calling = asyncio.ensure_future(call)
    claim = await door.begun()
    events = await calling
    await door.show(claim, PNG, 1)
    await door.finish(claim)
    assert [event.type async for event in events] == ["image_generation.completed"]


async def test_a_failure_is_an_event(door: Door) -> None:
    model = await door.make_model()
    calling = asyncio.ensure_future(door.client.images.generate(model=model, prompt="a harbour", stream=True))
    claim = await door.begun()
    events = await calling
    assert await door.rig.worker.finish(claim, FAILED)
    await door.rig.settle()
    with pytest.raises(openai.APIError) as failed:
        await anext(aiter(events))
    assert (failed.value.code, failed.value.message) == (
        "generation_failed",
        "The generation failed: the model refused",
    )


async def test_a_huge_picture_comes_by_url(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_IN_EVENT", len(PNG) - 1)
    model = await door.make_model()
    call = door.client.images.generate(model=model, prompt="a harbour", stream=True)
    [event] = await door.client_stream(call)
    assert event.b64_json is None
    assert event.url.endswith("/files/generations/a.png")


async def test_what_is_refused_is_no_stream(door: Door) -> None:
    with pytest.raises(openai.NotFoundError):
        await door.client.images.generate(model="nope", prompt="a harbour", stream=True)


async def test_a_client_that_leaves_ends_the_stream(door: Door) -> None:
    model = await door.make_model()
    calling = asyncio.ensure_future(door.client.images.generate(model=model, prompt="a harbour", stream=True))
    await door.begun()
    await (await calling).close()
    ends = door.rig.app.state.ends
    async with asyncio.timeout(15):
        while ends.waiting:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    assert not door.rig.app.state.resources.pokes._listeners


async def test_a_server_that_stops_says_that_the_job_goes_on(door: Door) -> None:
    model = await door.make_model()
    async with AsyncExitStack() as server:
        http = await server.enter_async_context(served(door.rig.app))
        client = door.client.with_options(base_url=f"{http.base_url}/v1")
        call = client.images.generate(model=model, prompt="a harbour", stream=True)
        calling = asyncio.ensure_future(call)
        await door.begun()
        events = await calling
        await server.aclose()
        with pytest.raises(openai.APIError) as stopped:
            await anext(aiter(events))
    assert stopped.value.code == "still_running"
