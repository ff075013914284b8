"""Operators set policies, and authors build on what they may."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
import redis
from tests.apps import as_user
from tests.engines import Engines
from tests.factories import make_policy
from tests.workflows.rig import DATA, FETCH, Workflows

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.policies import queries
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.matching import Offer
from emprops.settings import Settings

ANNA = UUID("0192f0c8-0000-7000-8000-00000000000a")
FREE = {
    "host": None, "builders": "everyone", "authors": [], "floor": 0, "models": None, "max_pixels": None,
    "max_count": None, "max_seconds": None, "concurrency": None, "per_minute": None,
}  # fmt: skip


class Policies:
    """The endpoints, as a service."""

    def __init__(self, client: httpx2.AsyncClient, service: dict[str, str]) -> None:
        self.client, self.service = client, service

    async def send(self, method: str, path: str = "", body: Any = None) -> httpx2.Response:
        return await self.client.request(method, f"/api/policies{path}", json=body, headers=self.service)

    async def ok(self, method: str, path: str = "", body: Any = None) -> Any:
        reply = await self.send(method, path, body)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    async def refused(self, method: str, path: str, body: Any = None, status: int = 400) -> str:
        reply = await self.send(method, path, body)
        assert reply.status_code == status, reply.text
        return str(reply.json()["error"])


@pytest.fixture
def policies(client: httpx2.AsyncClient, service: dict[str, str]) -> Policies:
    return Policies(client, service)


def limits_of(policy: dict[str, Any]) -> dict[str, Any]:
    return {name: policy[name] for name in FREE}


class TestSetting:
    async def test_one_is_set_listed_and_removed(self, policies: Policies) -> None:
        assert await policies.ok("GET") == []
        said = {
            "builders": "authors", "authors": [str(ANNA)], "floor": 0.05, "models": ["b", "a", "b"],
            "max_pixels": 1_048_576, "max_count": 4, "max_seconds": 7.5, "concurrency": 8, "per_minute": 50,
        }  # fmt: skip
        stored = await policies.ok("PUT", "/openai_image", said)
        assert limits_of(stored) == FREE | said | {"models": ["b", "a"]}
        assert stored["job_type"] == "openai_image"
        assert stored["updated_by"].startswith("key:emp_")
        assert await policies.ok("GET") == [stored]
        assert await policies.ok("DELETE", "/openai_image") == stored
        assert await policies.ok("GET") == []
        assert await policies.refused("DELETE", "/openai_image", status=404) == "There is no policy of openai_image."

    async def test_who_set_what_is_recorded(self, policies: Policies, database: Database) -> None:
        await policies.ok(
            "PUT", "/fetch_api?host=a.example", {"floor": 2, "authors": [str(ANNA)], "builders": "authors"}
        )
        await policies.ok("DELETE", "/fetch_api?host=a.example")
        async with database.reader() as reader:
            recorded = await reader.fetch_dicts(
                "SELECT actor, action, target, details FROM audit_entry WHERE action LIKE 'policy%%' ORDER BY id", ()
            )
        assert [one["action"] for one in recorded] == ["policy.changed", "policy.removed"]
        assert {one["target"] for one in recorded} == {"job_type:fetch_api@a.example"}
        assert all(one["actor"].startswith("key:emp_") for one in recorded)
        said = {"builders": "authors", "authors": [str(ANNA)], "floor": 2}
        assert [one["details"] for one in recorded] == [said, said]

    async def test_one_is_set_as_a_whole(self, policies: Policies) -> None:
        await policies.ok("PUT", "/local_image", {"floor": 1, "max_pixels": 5})
        assert limits_of(await policies.ok("PUT", "/local_image", {"max_count": 2})) == FREE | {"max_count": 2}
        assert len(await policies.ok("GET")) == 1

    async def test_of_fetch_api_each_host_may_have_its_own(self, policies: Policies) -> None:
        await policies.ok("PUT", "/fetch_api", {"floor": 1, "per_minute": 5})
        stored = await policies.ok("PUT", "/fetch_api?host=API.Example.com.", {"floor": 2})
        assert stored["host"] == "api.example.com"
        assert [(one["host"], one["floor"]) for one in await policies.ok("GET")] == [(None, 1), ("api.example.com", 2)]
        await policies.ok("DELETE", "/fetch_api?host=api.example.com")
        assert [one["host"] for one in await policies.ok("GET")] == [None]

    @pytest.mark.parametrize(
        ("path", "body", "says"),
        [
            ("/openai_imag", {}, "Did you mean openai_image? For a job type of your own, start its worker first."),
            (
                "/local_image?host=a.example",
                {},
                "Only the policies of fetch_api name a host; leave it out for local_image.",
            ),
            ("/fetch_api?host=https://a.example", {}, "host must be the name of a host"),
            ("/fetch_api?host=a.example:8443", {}, "without scheme and port"),
            ("/fetch_api?host=a.example", {"per_minute": 5}, "set them in the policy without a host"),
            ("/fetch_api?host=a.example", {"concurrency": 5}, "set them in the policy without a host"),
            ("/local_image", {"builders": "authors"}, "authors names who may build"),
            ("/local_image", {"authors": [str(ANNA)]}, "authors names who may build"),
            ("/local_image", {"floor": 1_000_001}, "floor must be 1000000 credits at most."),
            ("/local_image", {"floor": -1}, "floor"),
            ("/local_image", {"floor": 0.0000001}, "floor"),
            ("/local_image", {"models": []}, "models"),
            ("/local_image", {"max_pixels": 0}, "max_pixels"),
            ("/local_image", {"max_seconds": "5"}, "max_seconds"),
            ("/local_image", {"floor_price": 5}, "floor_price"),
        ],
    )
    async def test_what_cannot_be_meant_is_refused(self, policies: Policies, path: str, body: Any, says: str) -> None:
        assert says in await policies.refused("PUT", path, body)
        assert await policies.ok("GET") == []

    async def test_a_job_type_that_a_live_worker_serves_is_known(
        self, policies: Policies, settings: Settings, engines: Engines
    ) -> None:
        assert "No live worker serves paintbox" in await policies.refused("PUT", "/paintbox", {})
        info = WorkerInfo(worker_id="w", machine_id="m", status="idle", offers={"paintbox": Offer()}, concurrency=1)
        with redis.Redis(unix_socket_path=engines.redis_socket) as client:
            FleetMember(client, settings.queue_prefix).announce(info)
            await policies.ok("PUT", "/paintbox", {"floor": 1})
            client.flushdb()
        await policies.ok("PUT", "/paintbox", {"floor": 2})

    async def test_users_do_not_set_them(self, client: httpx2.AsyncClient) -> None:
        for method, path in (("GET", ""), ("PUT", "/local_image"), ("DELETE", "/local_image")):
            body = {} if method == "PUT" else None
            reply = await client.request(method, f"/api/policies{path}", json=body, headers=as_user(ANNA))
            assert reply.status_code == 403

    async def test_the_queue_is_told_its_limits(self, policies: Policies, database: Database) -> None:
        await policies.ok("PUT", "/openai_chat", {"concurrency": 8, "per_minute": 50})
        await policies.ok("PUT", "/openai_image", {"per_minute": 5})
        await policies.ok("PUT", "/local_image", {"floor": 1})
        await policies.ok("PUT", "/fetch_api?host=a.example", {"floor": 1})
        async with database.reader() as reader:
            assert await queries.queue_limits(reader) == {"openai_chat": (8, 50), "openai_image": (None, 5)}


class TestBuilding:
    @pytest.mark.parametrize(
        ("kind", "job_type"),
        [
            ("direct_job", "local_image"),
            ("dynamic_json", "stability_api"),
            ("comfy_workflow", "comfyui"),
            ("fetch_api", "fetch_api"),
        ],
    )
    async def test_authors_build_on_what_they_may(
        self, client: httpx2.AsyncClient, policies: Policies, kind: str, job_type: str
    ) -> None:
        anna, ben = Workflows(client, ANNA), Workflows(client)
        await policies.ok("PUT", f"/{job_type}", {"builders": "authors", "authors": [str(ANNA)]})
        new = {"type": kind, "data": DATA[kind], "label": "L", "description": "", "output_mime_type": "image/png"}
        refused = await ben.send("POST", "", new | {"name": "bens"})
        assert (refused.status_code, refused.json()["code"]) == (403, "may_not_build")
        assert refused.json()["error"] == (
            f"The owner of this may not build on {job_type}: its policy names who may; ask the operator for it,"
            " or use another job type."
        )
        assert refused.json()["details"] == {"job_type": job_type, "host": None}
        assert (await client.get("/api/workflows/bens")).status_code == 404
        assert (await anna.send("POST", "", new | {"name": "annas"})).status_code == 201
        await policies.ok("PUT", f"/{job_type}", {"builders": "services"})
        assert (await anna.send("PATCH", "/annas", {"label": "New"})).status_code == 403
        reply = await client.post("/api/workflows", json=new | {"name": "ours"}, headers=policies.service)
        assert reply.status_code == 201, "a service always may"
        assert (await anna.send("DELETE", "/annas")).status_code == 200

    async def test_a_change_to_another_job_type_is_refused_too(
        self, client: httpx2.AsyncClient, policies: Policies
    ) -> None:
        workflows = Workflows(client)
        await workflows.create(name="mine")
        await policies.ok("PUT", "/stability_api", {"builders": "services"})
        change = {"type": "dynamic_json", "data": DATA["dynamic_json"]}
        assert (await workflows.send("PUT", "/mine", change)).status_code == 403
        assert (await client.get("/api/workflows/mine")).json()["data"]["type"] == "direct_job"

    async def test_a_host_may_be_closed_while_others_are_open(
        self, client: httpx2.AsyncClient, policies: Policies
    ) -> None:
        workflows = Workflows(client)
        await policies.ok("PUT", "/fetch_api?host=api.example.com", {"builders": "services"})
        closed = await workflows.send("POST", "", _fetch("closed", "https://api.example.com/v2"))
        assert closed.status_code == 403
        assert "may not build on fetch_api at api.example.com: only services may" in closed.json()["error"]
        assert (await workflows.send("POST", "", _fetch("open", "https://x.example.com/v2"))).status_code == 201

    async def test_what_a_service_makes_for_a_user_is_the_users(
        self, client: httpx2.AsyncClient, policies: Policies
    ) -> None:
        await policies.ok("PUT", "/fetch_api", {"builders": "services"})
        headers = policies.service | as_user(ANNA)
        reply = await client.post("/api/workflows", json=_fetch("x", "https://a.example"), headers=headers)
        assert reply.status_code == 403

    async def test_a_simple_collection_builds_on_its_job_type(
        self, client: httpx2.AsyncClient, database: Database
    ) -> None:
        async with database.transaction() as tx:
            await make_policy(tx, "openai_chat", builders="services")
        body = {
            "collection_details": {
                "title": "Animals", "description": "", "social_org": "farcaster", "social_identifier": "vitalik",
            },
            "variables": [], "job_type": "openai_chat", "template_json": {},
        }  # fmt: skip
        path = "/api/workflows/create-simple-collection"
        refused = await client.post(path, json=body, headers=as_user(new_id()))
        assert (refused.status_code, refused.json()["code"]) == (403, "may_not_build")
        other = await client.post(path, json=body | {"job_type": "local_text"}, headers=as_user(new_id()))
        assert other.status_code == 201, other.text


def _fetch(name: str, url: str) -> dict[str, Any]:
    data = FETCH | {"api": FETCH["api"] | {"url": url}}
    shown = {"label": "L", "description": "", "output_mime_type": "image/png"}
    return {"name": name, "type": "fetch_api", "data": data, **shown}
