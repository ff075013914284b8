"""Node classes that no live machine has: said when a workflow is stored, and before a generation costs anything."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from redis.exceptions import ConnectionError as RedisConnectionError
from tests.apps import as_user
from tests.engines import Engines

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.orchestrator.start.node_classes import NodeClassMissingError, required
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.matching import Offer
from emprops.queue.messages import NOTHING, Requirements
from emprops.workflows import machines
from emprops.workflows.machines import Machines, remembered_machines

GRAPH = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
    "2": {"class_type": "FaceDetailer", "inputs": {"image": ["1", 0]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
}
CORE = ("LoadImage", "SaveImage")
ALL = (*CORE, "FaceDetailer")
USER = as_user(new_id())


def machine(*nodes: str, models: tuple[str, ...] = ()) -> Offer:
    return Offer(models=frozenset(models), custom_nodes=frozenset(nodes))


class TestMachines:
    @pytest.mark.parametrize(
        ("offers", "lacking"),
        [
            ([], []),
            ([machine(*CORE)], ["FaceDetailer"]),
            ([machine(*CORE), machine(*ALL)], []),
            ([machine("SaveImage"), machine("LoadImage", "FaceDetailer")], ["SaveImage"]),
            ([Offer(), machine()], []),
        ],
    )
    def test_the_nearest_machine_says_what_is_missing(self, offers: list[Offer], lacking: list[str]) -> None:
        assert Machines(tuple(offers)).lacking(ALL) == lacking

    def test_machines_that_could_not_take_the_step_do_not_count(self) -> None:
        known = Machines((machine(*CORE, models=("a",)), machine(*ALL, models=("b",))))
        assert known.lacking(ALL, Requirements(models=("a",))) == ["FaceDetailer"]
        assert known.lacking(ALL, Requirements(models=("b",))) == []
        assert known.lacking(ALL, Requirements(models=("c",))) == [], "it waits for such a machine"

    def test_what_is_said_of_nodes(self) -> None:
        [remark] = Machines((machine(*CORE),)).remarks(GRAPH)
        assert str(remark) == "node 2 (FaceDetailer): no live machine has this node class"
        [remark] = Machines((machine(*CORE), machine("FaceDetailer"))).remarks(GRAPH)
        assert str(remark).endswith("no live machine has this node class together with the others")

    def test_a_step_goes_to_a_machine_that_has_what_others_lack(self) -> None:
        known = Machines((machine(*CORE), machine(*ALL)))
        assert required("s", "comfyui", {"workflow": GRAPH}, NOTHING, known).custom_nodes == ("FaceDetailer",)
        alike = Machines((machine(*ALL), machine(*ALL, "More")))
        assert required("s", "comfyui", {"workflow": GRAPH}, NOTHING, alike) == NOTHING
        for job_type, payload in (("noop", {"workflow": GRAPH}), ("comfyui", {}), ("comfyui", {"workflow": 1})):
            assert required("s", job_type, payload, NOTHING, Machines((machine(),))) == NOTHING

    def test_the_refusal_names_them(self) -> None:
        with pytest.raises(NodeClassMissingError, match=r"of Paint: A, B, C, D, E and 1 more are missing") as caught:
            raise NodeClassMissingError("Paint", list("ABCDEF"))
        assert caught.value.extra["details"] == {"step": "Paint", "node_classes": list("ABCDEF")}


@pytest.fixture
def announce(engines: Engines, app: FastAPI) -> Iterator[Callable[..., None]]:
    """Have a machine with these node classes live; each reading is new."""
    app.state.machines = machines.Remembered(machines.read_machines, 0)
    with redis.Redis(unix_socket_path=engines.redis_socket) as client:
        member = FleetMember(client, "emprops:")

        def live(name: str, *nodes: str, job_type: str = "comfyui") -> None:
            member.announce(WorkerInfo(name, "m", "idle", {job_type: machine(*nodes)}, 1))

        yield live


async def stored(client: httpx2.AsyncClient, graph: Any = GRAPH) -> dict[str, Any]:
    body = {"name": "fox", "label": "", "description": "", "output_mime_type": "image/png"}
    inputs: dict[str, Any] = {"form": {"fields": []}, "inputs": {}}
    reply = await client.post("/api/workflows", json=body | {"data": inputs | {"workflow": graph}}, headers=USER)
    assert reply.status_code == 201, reply.text
    return dict(reply.json()["data"])


async def generating(client: httpx2.AsyncClient) -> httpx2.Response:
    data = {"version": "v2", "steps": [{"id": 1, "nodeName": "fox", "nodePayload": {}}], "variables": []}
    reply = await client.post("/api/collections", json={"title": "Foxes", "data": data}, headers=USER)
    collection = reply.json()["data"]["id"]
    return await client.post(f"/api/collections/{collection}/generate", json={"variables": {}}, headers=USER)


async def test_a_workflow_is_stored_with_a_warning(client: httpx2.AsyncClient, announce: Callable[..., None]) -> None:
    announce("other", job_type="noop")
    assert (await stored(client))["analysis"]["warnings"] == []
    announce("w", *CORE)
    warning = {"node": "2", "class_type": "FaceDetailer", "reason": "no live machine has this node class"}
    changed = await client.patch("/api/workflows/fox", json={"label": "Fox"}, headers=USER)
    assert changed.json()["data"]["analysis"]["warnings"] == [warning]
    announce("x", *ALL)
    changed = await client.patch("/api/workflows/fox", json={"label": "Fox"}, headers=USER)
    assert changed.json()["data"]["analysis"]["warnings"] == []


async def test_a_generation_is_refused_before_anything_is_stored(
    client: httpx2.AsyncClient, database: Database, announce: Callable[..., None]
) -> None:
    announce("w", *CORE)
    await stored(client)
    refused = await generating(client)
    assert (refused.status_code, refused.json()["code"]) == (409, "node_class_missing"), refused.text
    assert refused.json()["details"] == {"step": "fox", "node_classes": ["FaceDetailer"]}
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM job") == 0
    announce("x", *ALL)
    assert (await generating(client)).status_code == 200
    async with database.reader() as reader:
        [required] = await reader.fetch_values("SELECT requirements FROM step")
    assert required["custom_nodes"] == ["FaceDetailer"]


async def test_without_a_machine_it_waits(client: httpx2.AsyncClient, announce: Callable[..., None]) -> None:
    announce("other", job_type="noop")
    await stored(client)
    assert (await generating(client)).status_code == 200


async def test_a_retry_is_refused_too(
    client: httpx2.AsyncClient, database: Database, announce: Callable[..., None]
) -> None:
    await stored(client)
    job_id = (await generating(client)).json()["data"]["jobId"]
    async with database.transaction() as tx:
        await tx.execute("UPDATE job SET status = 'failed', error_message = 'gone', completed_at = now()")
    announce("w", *CORE)
    refused = await client.post(f"/api/jobs/{job_id}/retry", headers=USER)
    assert (refused.status_code, refused.json()["code"]) == (409, "node_class_missing"), refused.text
    announce("x", *ALL)
    assert (await client.post(f"/api/jobs/{job_id}/retry", headers=USER)).status_code == 200
    async with database.reader() as reader:
        found = await reader.fetch_values("SELECT requirements FROM step WHERE retry_attempt = 1")
    assert [one["custom_nodes"] for one in found] == [["FaceDetailer"]]


async def test_while_redis_is_away_nothing_is_checked(
    client: httpx2.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise RedisConnectionError

    app.state.machines = remembered_machines()
    monkeypatch.setattr(redis.asyncio.Redis, "zrange", away)
    assert (await stored(client))["analysis"]["warnings"] == []
    assert (await generating(client)).status_code == 200
