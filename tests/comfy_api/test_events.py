"""A job's events as Comfy API v2 has them."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from tests.apps import as_user, served
from tests.comfy_api import schema
from tests.comfy_api.door import MADE, ask, beat, job_of, refusal, submit
from tests.fakes.pictures import PNG
from tests.jobs.stream.rig import Stream
from tests.orchestrator.rig import FAILED, Rig

from emprops.queue.messages import Claim, Preview


@pytest.fixture
async def http(rig: Rig) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(rig.app) as client:
        yield client


class Events(Stream):
    """A client that holds each event against its schema."""

    async def take(self, name: str) -> Any:
        """The next event, which must have this name; gives its data."""
        seen, data, _ = await self.next()
        assert seen == name, (seen, data)
        return schema.check(schema.EVENTS[name], data)


@asynccontextmanager
async def events(http: httpx2.AsyncClient, rig: Rig, job: dict[str, Any], last: str = "") -> AsyncIterator[Events]:
    headers = as_user(rig.user_id) | ({"Last-Event-ID": last} if last else {})
    async with http.stream("GET", f"/api/v2/jobs/{job['id']}/events", headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Events(response)


async def begin(rig: Rig) -> Claim:
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    await rig.settle()
    return claim


async def test_a_stream_from_submission_to_results(rig: Rig, http: httpx2.AsyncClient) -> None:
    job = await submit(rig)
    await rig.dispatcher.flush()
    async with events(http, rig, job) as stream:
        assert await stream.take("status") == {"status": "queued", "queue_position": 1}
        claim = await begin(rig)
        assert (await stream.take("log"))["message"] == "Node Comfy API started"
        assert (await stream.take("status"))["status"] == "running"
        assert await stream.take("progress") == {"value": 0.0, "nodes_done": 0, "nodes_total": 2}
        await beat(rig, claim, 47.5, Preview(PNG, "image/png", "9"))
        seen: dict[str, Any] = {}
        while "preview" not in seen or seen.get("progress", {}).get("value") != 0.475:
            name, data, _ = await stream.next()
            seen[name] = schema.check(schema.EVENTS[name], data)
        assert seen["progress"] == {
            "value": 0.475,
            "nodes_done": 1,
            "nodes_total": 2,
            "current_node": "9",
            "current_node_class": "SaveImage",
            "step": 3,
            "steps": 5,
            "message": "SaveImage 3/5",
        }
        assert (seen["preview"]["node_id"], base64.b64decode(seen["preview"]["data_base64"])) == ("9", PNG)
        assert await rig.worker.finish(claim, MADE)
        await rig.settle()
        *logs, first, _, _, progress, status = [(name, data) for name, data, _ in await stream.rest()]
        assert {name for name, _ in logs} <= {"log", "progress"}
        name, output = first
        polled = (await job_of(rig, job["id"]))["outputs"][0]
        assert (name, output["id"], output["size_bytes"]) == ("output", polled["id"], 3)
        assert output["url"].startswith(str(http.base_url)), "where the client is, and not what the settings say"
        assert progress == ("progress", {"value": 1.0, "nodes_done": 2, "nodes_total": 2})
        assert status == ("status", {"status": "succeeded", "queue_position": None})


async def test_who_connects_late_sees_how_it_stands(rig: Rig, http: httpx2.AsyncClient) -> None:
    job = await submit(rig)
    claim = await begin(rig)
    await beat(rig, claim, 50.0, Preview(PNG, "image/png", "9"))
    async with events(http, rig, job) as stream:
        assert (await stream.take("status"))["status"] == "running"
        assert (await stream.take("progress"))["value"] == 0.5
        assert (await stream.take("preview"))["content_type"] == "image/png"
    assert await rig.worker.finish(claim, MADE)
    await rig.settle()
    async with events(http, rig, job) as stream:
        names = [name for name, _, _ in await stream.rest()]
    assert names == ["output", "output", "output", "progress", "status"]


@pytest.mark.parametrize(("how", "status"), [("fail", "failed"), ("cancel", "canceled")])
async def test_other_ends(rig: Rig, http: httpx2.AsyncClient, how: str, status: str) -> None:
    job = await submit(rig)
    async with events(http, rig, job) as stream:
        await stream.take("status")
        claim = await begin(rig)
        if how == "cancel":
            await ask(rig, "POST", f"/jobs/{job['id']}/cancel")
            await rig.dispatcher.flush()
        else:
            assert await rig.worker.finish(claim, FAILED)
            await rig.settle()
        seen = await stream.rest()
    assert seen[-1][:2] == ("status", {"status": status, "queue_position": None})
    if how == "fail":
        levels = {data["message"]: data["level"] for name, data, _ in seen if name == "log"}
        assert levels["Node Comfy API failed: the model refused"] == "error"


async def test_a_stream_goes_on_where_it_broke_off(rig: Rig, http: httpx2.AsyncClient) -> None:
    job = await submit(rig)
    async with events(http, rig, job) as stream:
        last = (await stream.next())[2]
    claim = await begin(rig)
    assert await rig.worker.finish(claim, MADE)
    await rig.settle()
    async with events(http, rig, job, str(last)) as stream:
        rest = await stream.rest()
    logs = [data["message"] for name, data, _ in rest if name == "log"]
    assert logs == ["Node Comfy API started", "Node Comfy API completed", "Generation completed"]
    headers = as_user(rig.user_id) | {"Last-Event-ID": f"{rest[-1][2]}-end"}
    seen = await http.get(f"/api/v2/jobs/{job['id']}/events", headers=headers)
    assert seen.status_code == 204, "a browser does not connect again"


async def test_more_streams_than_a_user_may_have(rig: Rig, http: httpx2.AsyncClient) -> None:
    job = await submit(rig)
    rig.app.state.resources.streams.limit.per_user = 0
    reply = await http.get(f"/api/v2/jobs/{job['id']}/events", headers=as_user(rig.user_id))
    refusal(reply, 429, "too_many_streams")
    assert reply.headers["retry-after"]
