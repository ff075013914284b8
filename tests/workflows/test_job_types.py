"""A job type that nobody serves is said when the workflow is stored, not when a generation waits for ever."""

from typing import Any

import redis
from tests.engines import Engines
from tests.workflows.rig import DATA, DIRECT, DYNAMIC, Workflows

from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.matching import Offer
from emprops.settings import Settings


async def warnings_of(workflows: Workflows, **more: Any) -> list[str]:
    return list((await workflows.create(**more))["warnings"])


def direct(job_type: str) -> dict[str, Any]:
    return DIRECT | {"job": {"service_required": job_type, "payload": {}}}


async def test_what_comes_with_this_package_is_known(workflows: Workflows) -> None:
    for kind, data in DATA.items():
        assert await warnings_of(workflows, name=kind, type=kind, data=data) == []


async def test_a_slip_is_named_with_what_was_meant(workflows: Workflows) -> None:
    said = ("No live worker serves {}, and no connector that comes with EmProps does. Did you mean local_image?").format
    assert await warnings_of(workflows, data=direct("local_imgae")) == [said("local_imgae")]
    dynamic = DYNAMIC | {"job_type": "local_imag"}
    assert await warnings_of(workflows, name="b", type="dynamic_json", data=dynamic) == [said("local_imag")]
    changed = await workflows.send("PUT", "/txt2img", {"data": direct("local-image")})
    assert changed.json()["data"]["warnings"] == [said("local-image")]
    changed = await workflows.send("PUT", "/txt2img", {"data": DIRECT})
    assert changed.json()["data"]["warnings"] == []


async def test_what_a_live_worker_serves_is_known(workflows: Workflows, settings: Settings, engines: Engines) -> None:
    info = WorkerInfo(worker_id="w", machine_id="m", status="idle", offers={"paintbox": Offer()}, concurrency=1)
    with redis.Redis(unix_socket_path=engines.redis_socket) as client:
        FleetMember(client, settings.queue_prefix).announce(info)
    assert await warnings_of(workflows, data=direct("paintbox")) == []
    [warning] = await warnings_of(workflows, name="b", data=direct("paintbxo"))
    assert warning.endswith("Did you mean paintbox?")


async def test_without_redis_nothing_is_said(workflows: Workflows, engines: Engines) -> None:
    engines.kill_redis()
    assert await warnings_of(workflows, data=direct("paintbox")) == []
