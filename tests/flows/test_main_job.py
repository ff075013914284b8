"""The main job, end to end: generate, watch, find the result in a deck. Real api, worker, engines, HTTP."""

import asyncio
import io
import json
from asyncio.subprocess import Process
from typing import Any

import pytest
from PIL import Image
from tests.apps import as_user
from tests.flows.conftest import System
from websockets.asyncio.client import connect

pytestmark = pytest.mark.usefixtures("shared_worker")


async def test_one_request_generates_and_answers_with_the_picture(system: System) -> None:
    path, body = "/api/collections/art/generate", {"variables": {"prompt": "a quiet harbour"}}
    response = await system.http.post(path, json=body, headers=as_user(system.user_id) | {"Prefer": "wait=60"})
    assert response.status_code == 200
    data = response.json()["data"]
    assert (data["status"], data["progress"]) == ("completed", 100)
    picture = await system.file(data["workflow_output"])
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"


async def test_generate_watch_and_find_the_picture(system: System) -> None:
    job_id = await system.generate("art", {"prompt": "a quiet harbour at dawn", "seed": 7}, workflow_priority=40)
    seen = [(name, data) async for name, data in system.events(job_id)]

    names = [name for name, _ in seen]
    assert names[:2] == ["history_init", "job_update"]
    updates = [data for name, data in seen if name == "job_update"]
    progress = [update["progress"] for update in updates]
    assert progress == sorted(progress)
    assert len({p for p in progress if 0 < p < 100}) >= 1, "no progress was visible while it ran"
    assert names[-1] == "job_update"
    assert updates[-1]["status"] == "completed"

    job = await system.get(f"/api/jobs/{job_id}")
    assert job["status"] == "completed"
    assert job["progress"] == 100
    assert job["priority"] == 40
    assert (job["current_step"], job["total_steps"]) == (1, 1)
    assert job["name"] == "Collection Generation: Generative Art"
    assert job["job_type"] == "collection_generation"
    assert job["data"]["variables"] == {"prompt": "a quiet harbour at dawn", "seed": 7}

    picture = await system.file(job["workflow_output"])
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.format == "PNG"
        assert min(image.size) >= 512


async def test_a_websocket_shows_the_same_job_to_its_end(system: System) -> None:
    url = f"ws://127.0.0.1:{system.http.base_url.port}/ws/client/page"
    seen: list[dict[str, Any]] = []
    async with connect(url, additional_headers=as_user(system.user_id), proxy=None) as socket, asyncio.timeout(60):
        job_id = await system.generate("art-2x", {"prompt": "a harbour", "seed": 7})
        await socket.send(json.dumps({"type": "subscribe_job", "job_id": job_id}))
        while not seen or (seen[-1].get("job_id"), seen[-1].get("status")) != (job_id, "completed"):
            seen.append(json.loads(await socket.recv()))
    shown = await system.get(f"/api/jobs/{job_id}")
    assert seen[-1]["job"] | {"price": shown["price"], "queue": None, "review": None} == shown
    told = [one["type"] for one in seen if "workflow_context" in one and one["type"] != "update_job_progress"]
    assert told[-4:] == ["complete_job", "job_submitted", "job_assigned", "complete_job"]
    progress = [one["workflow_progress"] for one in seen if one["type"] == "update_job_progress"]
    assert progress == sorted(progress)


async def test_the_result_is_completed_in_its_deck(system: System) -> None:
    job_id = await system.generate("art", {"prompt": "red fields"})
    job = await system.finished(job_id)
    collection_id = job["data"]["collectionId"]

    outputs = await system.get(f"/collections/{collection_id}/outputs")
    assert len(outputs) == 1
    output = await system.get(f"/outputs/{outputs[0]['id']}")
    assert output["status"] == "completed"
    assert output["url"] == job["workflow_output"]
    assert output["mime_type"] == "image/png"
    deck = await system.get(f"/decks/{output['deck_id']}")
    assert [(o["id"], o["position"], o["status"]) for o in deck["outputs"]] == [(output["id"], 1, "completed")]
    assert deck["output_count"] == 1


async def test_same_inputs_same_bytes(system: System) -> None:
    variables = {"prompt": "northern lights", "seed": 11}
    first = await system.finished(await system.generate("art", variables))
    second = await system.finished(await system.generate("art", variables))
    assert first["workflow_output"] != second["workflow_output"]
    one, two = [await system.file(job["workflow_output"]) for job in (first, second)]
    assert one.content == two.content


async def test_a_step_uses_the_result_of_an_earlier_one(system: System) -> None:
    job_id = await system.generate("art-2x", {"prompt": "a lighthouse", "seed": 3})
    job = await system.finished(job_id)
    assert job["status"] == "completed", job["error_message"]
    assert (job["current_step"], job["total_steps"]) == (2, 2)
    history = [row["message"] for row in await system.get(f"/api/jobs/{job_id}/history")]
    started = [message for message in history if message.endswith("started")]
    completed = [message for message in history if message.startswith("Node") and message.endswith("completed")]
    assert len(started) == len(completed) == 2
    assert history.index(started[1]) > history.index(completed[0])
    async with system.database.reader() as reader:
        steps = await reader.fetch_dicts(
            "SELECT step_type, output_data FROM step WHERE job_id = %s ORDER BY step_order", (job_id,)
        )
    small, large = [await system.file(step["output_data"]["files"][0]["url"]) for step in steps]
    with Image.open(io.BytesIO(small.content)) as a, Image.open(io.BytesIO(large.content)) as b:
        assert b.size == (a.width * 2, a.height * 2)
    assert job["workflow_output"] == steps[1]["output_data"]["files"][0]["url"]


async def test_a_story_is_served_as_text(system: System) -> None:
    job = await system.finished(await system.generate("story"))
    text = await system.file(job["workflow_output"])
    assert text.headers["content-type"].startswith("text/plain")
    assert len(text.text) > 40


async def test_a_video_plays_by_ranges(system: System) -> None:
    picture = (await system.finished(await system.generate("art", {"prompt": "sea"})))["workflow_output"]
    job = await system.finished(await system.generate("image-to-video", {"image": picture, "duration": "2s"}))
    assert job["status"] == "completed", job["error_message"]
    whole = await system.file(job["workflow_output"])
    assert whole.headers["content-type"] == "video/mp4"
    part = await system.file(job["workflow_output"], Range="bytes=0-99")
    assert part.status_code == 206
    assert part.content == whole.content[:100]
    assert part.headers["content-range"] == f"bytes 0-99/{len(whole.content)}"


async def test_a_connector_error_fails_step_job_and_output_with_the_reason(system: System) -> None:
    job = await system.finished(
        await system.generate("image-to-video", {"image": f"{system.settings.base_url}/files/nothing.png"})
    )
    assert job["status"] == "failed"
    assert "nothing.png" in job["error_message"]
    async with system.database.reader() as reader:
        step = (await reader.fetch_dicts("SELECT status, error_message FROM step WHERE job_id = %s", (job["id"],)))[0]
        output = (await reader.fetch_dicts("SELECT status, error_message FROM output WHERE job_id = %s", (job["id"],)))[
            0
        ]
    assert step == output == {"status": "failed", "error_message": job["error_message"]}


@pytest.mark.parametrize(
    "path", ["/generator/v2/art", "/api/generator/v2/art", "/collections/art/generate", "/collections/art/generations"]
)
async def test_every_spelling_generates(system: System, path: str) -> None:
    response = await system.post(path, {"variables": {"prompt": "x"}, "workflow_id": None, "workflow_priority": None})
    assert response.status_code == 200
    job = await system.http.get(f"/api/jobs/{response.json()['data']['jobId']}", headers=as_user(system.user_id))
    assert job.json()["data"]["priority"] == 50
    assert set(response.json()["data"]) == {"jobId", "outputIds", "warnings"}
    assert response.json()["error"] is None


BAD: list[tuple[str, Any, int, str]] = [
    ("nothing-here", {"variables": {}}, 404, "Collection not found"),
    ("art", {}, 400, "variables"),
    ("art", {"variables": []}, 400, "variables"),
    ("art", {"variables": {"prompt": 5}}, 400, "prompt"),
    ("art", {"variables": {"style": "no such style"}}, 400, "style"),
    ("art", {"variables": {"seed": "many"}}, 400, "seed"),
    ("art", {"variables": {}, "workflow_priority": 0}, 400, "workflow_priority"),
    ("art", {"variables": {}, "workflow_priority": 101}, 400, "workflow_priority"),
    ("art", {"variables": {}, "workflow_priority": "high"}, 400, "workflow_priority"),
    ("art", {"variables": {}, "workflow_id": "no such thing"}, 400, "workflow_id"),
    ("art", {"variables": {"prompt": "a\x00b"}}, 400, "NUL"),
    ("art", {"variables": {"prompt": "x" * 1_100_000}}, 413, "larger"),
    ("art", [1], 400, "object"),
]


@pytest.mark.parametrize(("collection", "body", "status", "mentions"), BAD)
async def test_bad_input_gets_a_clear_4xx(
    system: System, collection: str, body: Any, status: int, mentions: str
) -> None:
    response = await system.post(f"/api/collections/{collection}/generate", body)
    assert response.status_code == status, response.text
    failure = response.json()
    assert failure["data"] is None
    assert mentions.lower() in response.text.lower()


RAW = [
    (b"{not json", 400),
    (b"", 400),
    (b'{"variables": ' + b"[" * 200 + b"]" * 200 + b"}", 400),
    (b'{"variables": {"prompt": NaN}}', 400),
    (b'{"variables": {"prompt": "\\ud800"}}', 400),
    (b"\xff\xfe{}", 400),
]


@pytest.mark.parametrize(("raw", "status"), RAW)
async def test_bodies_that_are_not_good_json(system: System, raw: bytes, status: int) -> None:
    response = await system.http.post(
        "/api/collections/art/generate",
        content=raw,
        headers={"user_id": str(system.user_id), "content-type": "application/json"},
    )
    assert response.status_code == status
    assert response.json()["data"] is None


async def test_who_is_calling(system: System) -> None:
    path, body = "/api/collections/art/generate", {"variables": {"prompt": "x"}}
    assert (await system.http.post(path, json=body)).status_code == 401
    assert (await system.http.post(path, json=body, headers={"user_id": "me"})).status_code == 400
    job_id = await system.generate("art", {"prompt": "x"})
    mine = system.user_id
    system.user_id = type(mine)(int=mine.int ^ 1)
    foreign = await system.http.get(f"/api/jobs/{job_id}", headers={"user_id": str(system.user_id)})
    assert foreign.status_code == 404


async def test_workflow_id_as_a_job_id_is_idempotent(system: System) -> None:
    wanted = "0192f3a4-7c1e-7aaa-8bbb-0123456789ab"
    ids = await asyncio.gather(*(system.generate("art", {"prompt": "x"}, workflow_id=wanted) for _ in range(8)))
    assert set(ids) == {wanted}
    system.user_id = type(system.user_id)(int=system.user_id.int ^ 1)
    taken = await system.post("/api/collections/art/generate", {"variables": {"prompt": "x"}, "workflow_id": wanted})
    assert taken.status_code == 409


async def test_the_worker_is_alive(shared_worker: Process) -> None:
    assert shared_worker.returncode is None
