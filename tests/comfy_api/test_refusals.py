"""What is refused, in the words of Comfy API v2, and that nothing is stored of it."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs
from tests.apps import as_user, key_with
from tests.comfy_api.door import GRAPH, ask, job_of, page_of, refusal, run, submit
from tests.engines import Engines
from tests.factories.policies import make_policy
from tests.orchestrator.rig import Rig
from tests.quotas.test_start import limit

from emprops.auth.limits import LIMITER, RateLimiter
from emprops.kit.ids import new_id
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.matching import Offer
from emprops.workflows import machines


@pytest.fixture
def announce(engines: Engines, rig: Rig) -> Iterator[Callable[..., None]]:
    """Have a machine with these node classes and models live; each reading is new."""
    rig.app.state.machines = machines.Remembered(machines.read_machines, 0)
    with redis.Redis(unix_socket_path=engines.redis_socket) as client:
        member = FleetMember(client, "emprops:")

        def live(name: str, *nodes: str, models: tuple[str, ...] = ()) -> None:
            offer = Offer(models=frozenset(models), custom_nodes=frozenset(nodes))
            member.announce(WorkerInfo(name, "m", "idle", {"comfyui": offer}, 1))

        yield live


async def refused(rig: Rig, body: Any, status: int, code: str, **headers: str) -> dict[str, Any]:
    """A submission that must be refused; nothing of it is there."""
    error = refusal(await ask(rig, "POST", "/jobs", body, **headers), status, code)
    for table in ("job", "step", "output", "idempotency_key", "credit_hold"):
        assert await rig.rows(f"SELECT FROM {table}") == [], table
    return error


async def test_node_classes_that_no_machine_has(rig: Rig, announce: Callable[..., None]) -> None:
    announce("w", "EmptyImage", "SaveImage")
    graph = {**GRAPH, "2": {"class_type": "Nope", "inputs": {"image": ["1", 0]}}}
    error = await refused(rig, {"workflow": graph}, 422, "invalid_workflow", Idempotency_Key="k")
    assert error["message"] == "Node 2 (Nope): no live machine has this node class."
    (told,) = error["details"]["node_errors"]["2"]
    assert (told["field"], told["reason"]) == ("class_type", "unknown_node_class")
    assert list(error["details"]["node_errors"]) == ["2"]
    reply = await ask(rig, "POST", "/jobs", {"workflow": GRAPH}, Idempotency_Key="k")
    assert reply.status_code == 201, "what was refused did not use the key"


async def test_a_graph_goes_to_machines_that_have_its_models(rig: Rig, announce: Callable[..., None]) -> None:
    nodes = ("EmptyImage", "SaveImage", "CheckpointLoaderSimple")
    announce("plain", *nodes)
    announce("rich", *nodes, models=("sd15.safetensors",))
    loader = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}}
    await submit(rig, {**GRAPH, "2": loader})
    await submit(rig, {**GRAPH, "2": {**loader, "inputs": {"ckpt_name": "nobody-has.safetensors"}}})
    steps = await rig.rows("SELECT requirements -> 'models' AS models FROM step ORDER BY created_at, id")
    assert [step["models"] for step in steps] == [["sd15.safetensors"], []]


@pytest.mark.parametrize(
    ("workflow", "nodes"),
    [
        (None, []),
        ([], []),
        ("graph", []),
        ({}, []),
        ({"1": {"inputs": {}}}, ["1"]),
        ({"1": {"class_type": 7, "inputs": {}}}, ["1"]),
        ({"1": {"class_type": "SaveImage", "inputs": []}}, ["1"]),
        ({"1": {"class_type": "SaveImage", "inputs": {"images": ["7", 0]}}}, ["1"]),
        ({"1": None, "2": 4}, ["1", "2"]),
    ],
)
async def test_graphs_that_are_none(rig: Rig, workflow: Any, nodes: list[str]) -> None:
    error = await refused(rig, {"workflow": workflow}, 422, "invalid_workflow")
    assert list(error["details"]["node_errors"]) == nodes
    assert error["message"].endswith(".")


async def test_a_graph_of_the_editor(rig: Rig) -> None:
    await refused(rig, {"workflow": {"nodes": [], "links": []}}, 422, "workflow_format_ui")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ({}, "refers to an asset without its id"),
        ({"info": None}, "refers to an asset without its id"),
        ({"info": {"id": 7}}, "refers to an asset without its id"),
        ({"info": {"id": "eyJqIjogIjUx"}}, "refers to an asset without its id"),
        ({"info": {"id": "0192f3a4-0000-7000-8000-000000000009", "hash": "blake3:00"}}, "There is no asset"),
    ],
)
async def test_assets_that_are_not_there(rig: Rig, reference: dict[str, Any], said: str) -> None:
    image = {"__type": "core/ASSET", **reference}
    graph = {**GRAPH, "1": {"class_type": "LoadImage", "inputs": {"image": image}}}
    error = await refused(rig, {"workflow": graph}, 422, "missing_asset")
    assert said in error["message"]


async def test_a_result_is_an_input_for_its_owner_only(rig: Rig) -> None:
    first = await submit(rig)
    await run(rig)
    picture = (await job_of(rig, first["id"]))["outputs"][0]
    reference = {"__type": "core/ASSET", "info": {"id": picture["id"], "file_path": "fox.png"}}
    graph = {**GRAPH, "1": {"class_type": "LoadImage", "inputs": {"image": reference}}}
    second = await submit(rig, graph)
    await rig.dispatcher.flush()
    (claim,) = await rig.worker.claim()
    sent = claim.ticket.payload["workflow"]["1"]["inputs"]["image"]
    assert sent["info"] == {**reference["info"], "url": f"{rig.settings.base_url}/files/generations/fox_00001_.png"}
    assert (await ask(rig, "GET", f"/jobs/{second['id']}/workflow")).json()["workflow"] == graph
    rig.user_id = new_id()
    refusal(await ask(rig, "POST", "/jobs", {"workflow": graph}), 422, "missing_asset")


@pytest.mark.parametrize(
    "metadata",
    [
        "acme",
        7,
        [],
        {"a": 1},
        {"a": None},
        {"": "x"},
        {"k" * 65: "x"},
        {"a": "x" * 513},
        dict.fromkeys("abcdefghijklmnopq", ""),
    ],
)
async def test_metadata_that_are_no_labels(rig: Rig, metadata: Any) -> None:
    await refused(rig, {"workflow": GRAPH, "metadata": metadata}, 422, "metadata_invalid")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("webhook_url", "https://example.com"),
        ("inputs", {}),
        *(("extra_data", value) for value in ({}, [], "key", {"other": "x"}, {"api_key_comfy_org": 7})),
        *(("extra_data", {"api_key_comfy_org": text}) for text in ("", "k" * 4097)),
    ],
)
async def test_fields_that_are_not_taken(rig: Rig, field: str, value: Any) -> None:
    await refused(rig, {"workflow": GRAPH, field: value}, 400, "invalid_request")


async def test_a_key_counts_once(rig: Rig) -> None:
    first = await ask(rig, "POST", "/jobs", {"workflow": GRAPH}, Idempotency_Key="order 7")
    assert first.status_code == 201
    for body in ({"workflow": GRAPH}, {"workflow": {**GRAPH, "2": GRAPH["1"]}}):
        again = await ask(rig, "POST", "/jobs", body, Idempotency_Key="order 7")
        refusal(again, 422, "idempotency_key_reuse")
        assert "Idempotent-Replayed" not in again.headers
    assert len((await page_of(rig))["jobs"]) == 1
    other, rig.user_id = rig.user_id, new_id()
    assert (await ask(rig, "POST", "/jobs", {"workflow": GRAPH}, Idempotency_Key="order 7")).status_code == 201
    rig.user_id = other
    await rig.execute("UPDATE idempotency_key SET created_at = now() - interval '25 hours'")
    assert (await ask(rig, "POST", "/jobs", {"workflow": GRAPH}, Idempotency_Key="order 7")).status_code == 201
    refusal(
        await ask(rig, "POST", "/jobs", {"workflow": GRAPH}, Idempotency_Key="order 7"), 422, "idempotency_key_reuse"
    )


async def test_of_two_at_once_one_counts(rig: Rig) -> None:
    both = await asyncio.gather(
        *(ask(rig, "POST", "/jobs", {"workflow": GRAPH}, Idempotency_Key="one") for _ in range(2))
    )
    assert sorted(reply.status_code for reply in both) == [201, 422]
    assert len(await rig.rows("SELECT FROM job")) == 1


@pytest.mark.parametrize("key", ["k" * 256, ""])
async def test_keys_that_are_none(rig: Rig, key: str) -> None:
    await refused(rig, {"workflow": GRAPH}, 400, "invalid_request", Idempotency_Key=key)


async def test_first_submissions_at_once_make_one_collection(rig: Rig) -> None:
    replies = await asyncio.gather(*(ask(rig, "POST", "/jobs", {"workflow": GRAPH}) for _ in range(4)))
    assert [reply.status_code for reply in replies] == [201] * 4
    assert len(await rig.rows("SELECT FROM collection")) == 1
    assert len(await rig.rows("SELECT FROM deck")) == 1


async def test_policies_hold_for_who_brings_a_graph(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        await make_policy(tx, "comfyui", builders="authors", authors=[new_id()])
    await refused(rig, {"workflow": GRAPH}, 403, "forbidden")
    await rig.execute("DELETE FROM policy")
    async with rig.database.transaction() as tx:
        await make_policy(tx, "comfyui", max_pixels=100)
    error = await refused(rig, {"workflow": GRAPH}, 422, "invalid_workflow")
    assert error["details"]["limit"] == "max_pixels"


async def test_quotas_are_a_full_queue(rig: Rig) -> None:
    await limit(rig, open_jobs=1)
    await submit(rig)
    reply = await ask(rig, "POST", "/jobs", {"workflow": GRAPH})
    assert refusal(reply, 429, "queue_full")["details"]["quota"] == "open_jobs"
    assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?limit=0", "invalid_request"),
        ("?limit=101", "invalid_request"),
        ("?limit=x", "invalid_request"),
        ("?status=done", "invalid_request"),
        ("?cursor=nonsense", "invalid_cursor"),
        ("?cursor=%FF", "invalid_cursor"),
        (f"?cursor={base64.urlsafe_b64encode(b'2026-01-01 ' + b'0' * 32).decode()}", "invalid_cursor"),
        ("?metadata=acme", "invalid_metadata_filter"),
        ("?metadata[]=acme", "invalid_metadata_filter"),
        ("?metadata[a=acme", "invalid_metadata_filter"),
        ("?metadata[a]=1&metadata[a]=2", "invalid_metadata_filter"),
    ],
)
async def test_lists_of_nothing(rig: Rig, query: str, code: str) -> None:
    refusal(await ask(rig, "GET", f"/jobs{query}"), 400, code)


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"not json", "application/json", 400, "invalid_request"),
        (b"[]", "application/json", 400, "invalid_request"),
        (b"", "application/json", 400, "invalid_request"),
        (b'{"workflow": {"1": NaN}}', "application/json", 400, "invalid_request"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b" " * 11_000_000, "application/json", 413, "request_too_large"),
    ],
)
async def test_bodies_that_are_none(rig: Rig, content: bytes, kind: str, status: int, code: str) -> None:
    headers = as_user(rig.user_id) | {"content-type": kind}
    refusal(await rig.client.post("/api/v2/jobs", content=content, headers=headers), status, code)


async def test_who_is_not_known(rig: Rig) -> None:
    assert "Authorization: Bearer" in refusal(await rig.client.get("/api/v2/jobs"), 401, "unauthorized")["message"]
    wrong = {"Authorization": "Bearer emp_nonsense"}
    refusal(await rig.client.get("/api/v2/jobs", headers=wrong), 401, "unauthorized")
    reading = await key_with("read", rig.database)
    headers = reading | {"content-type": "application/json"}
    refusal(await rig.client.post("/api/v2/jobs", json={"workflow": GRAPH}, headers=headers), 403, "forbidden")


@pytest.mark.parametrize("path", ["/nope", "/jobs/x/y/z", "", "/assets/none", "/assets/none/content", "/jobs%00"])
async def test_places_that_are_not_there(rig: Rig, path: str) -> None:
    reply = await ask(rig, "GET", path)
    refusal(reply, reply.status_code, "invalid_request" if "%00" in path else "not_found")


async def test_other_methods(rig: Rig) -> None:
    reply = await ask(rig, "PUT", "/jobs", {})
    refusal(reply, 405, "method_not_allowed")
    assert "POST" in reply.headers["allow"]


async def test_engines_that_are_away(rig: Rig, engines: Engines) -> None:
    job = await submit(rig)
    engines.kill_postgres()
    try:
        with capture_logs():
            reply = await ask(rig, "GET", f"/jobs/{job['id']}")
    finally:
        engines.restart_postgres()
    refusal(reply, 503, "upstream_error")
    assert reply.headers["retry-after"]


async def test_who_asks_too_often_is_told_when_to_come_back(rig: Rig) -> None:
    few = rig.settings.model_copy(update={"generation_rate_limit": 1})
    LIMITER.attach(rig.app, RateLimiter(few))
    await submit(rig)
    reply = await ask(rig, "POST", "/jobs", {"workflow": GRAPH})
    refusal(reply, 429, "rate_limited")
    assert int(reply.headers["retry-after"]) >= 1
