"""Workflows over HTTP: changed and deleted."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb
from tests.factories import make_collection, make_user
from tests.workflows.rig import DATA, DIRECT, DYNAMIC, FETCH, Workflows, add_to_catalog, body

from emprops.kit.database import Database
from emprops.kit.ids import new_id


class TestChange:
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    async def test_what_is_sent_changes_and_the_rest_stays(
        self, workflows: Workflows, database: Database, method: str
    ) -> None:
        await add_to_catalog(database, models=("a.ckpt", "b.ckpt"))
        made = await workflows.create(models=["a.ckpt"], order=3)
        response = await workflows.send(method, "/txt2img", {"label": "New", "display": False})
        assert response.status_code == 200, response.text
        changed = response.json()["data"]
        assert changed["updated_at"] > made["updated_at"]
        assert changed == made | {"label": "New", "display": False, "updated_at": changed["updated_at"]}
        changed = (await workflows.send(method, "/txt2img", {"models": ["b.ckpt"], "data": DYNAMIC,
                                                             "type": "dynamic_json"})).json()["data"]  # fmt: skip
        assert (changed["models"], changed["type"], changed["data"]) == (["b.ckpt"], "dynamic_json", DYNAMIC)
        assert (await workflows.send(method, "/txt2img", {"models": []})).json()["data"]["models"] == []

    @pytest.mark.parametrize("kind", DATA)
    async def test_a_price_is_set_and_taken_away_without_the_data(self, workflows: Workflows, kind: str) -> None:
        made = await workflows.create(type=kind, data=DATA[kind], credits=0.25)
        assert made["data"]["credits"] == made["credits"] == 0.25
        unpriced = {name: value for name, value in made["data"].items() if name != "credits"}
        table = {"by": "prompt", "values": {"fox": 1}, "default": 2}
        changed = (await workflows.send("PATCH", "/txt2img", {"credits": table})).json()["data"]
        assert (changed["data"], changed["credits"]) == (unpriced | {"credits": table}, table)
        assert (await workflows.client.get("/api/workflows/txt2img")).json()["data"]["credits"] == table
        free = (await workflows.send("PUT", "/txt2img", {"credits": None})).json()["data"]
        assert (free["data"], free["credits"]) == (unpriced, None)

    async def test_new_data_without_a_price_keep_the_price(self, workflows: Workflows) -> None:
        await workflows.create(data=DIRECT | {"credits": 2})
        job = {"service_required": "local_image", "payload": {"width": 64}}
        changed = (await workflows.send("PATCH", "/txt2img", {"data": DIRECT | {"job": job}})).json()["data"]
        assert (changed["data"]["job"], changed["credits"]) == (job, 2)
        changed = (await workflows.send("PATCH", "/txt2img", {"data": DIRECT | {"credits": 3}})).json()["data"]
        assert changed["credits"] == 3
        changed = (await workflows.send("PATCH", "/txt2img", {"data": DIRECT | {"credits": 3}, "credits": 4})).json()
        assert changed["data"]["credits"] == 4, "what stands by itself counts"
        changed = (await workflows.send("PATCH", "/txt2img", {"data": DIRECT | {"credits": None}})).json()["data"]
        assert changed["credits"] is None

    async def test_a_wrong_price_is_refused(self, workflows: Workflows) -> None:
        await workflows.create(credits=1)
        refused = await workflows.send("PATCH", "/txt2img", {"credits": "cheap"})
        assert (refused.status_code, "credits must be a number" in refused.json()["error"]) == (400, True)
        refused = await workflows.send("POST", "", body("other", credits=-1))
        assert (refused.status_code, "credits must be a number" in refused.json()["error"]) == (400, True)

    async def test_one_that_nothing_uses_gets_another_name(self, workflows: Workflows, database: Database) -> None:
        made = await workflows.create()
        await workflows.create(name="taken")
        taken = await workflows.send("PATCH", "/txt2img", {"name": "taken"})
        assert (taken.status_code, taken.json()["error"]) == (409, "There is a workflow named taken already.")
        assert (await workflows.send("PATCH", "/txt2img", {"name": "a/b"})).status_code == 400
        same = await workflows.send("PATCH", "/txt2img", {"name": "txt2img", "label": "Same"})
        assert (same.status_code, same.json()["data"]["label"]) == (200, "Same")
        changed = await workflows.send("PATCH", "/txt2img", {"name": "picture"})
        assert (changed.json()["data"]["id"], changed.json()["data"]["name"]) == (made["id"], "picture")
        assert (await workflows.send("GET", "/txt2img")).status_code == 404
        recipe = {"version": "v2", "steps": [{"id": 1, "nodeName": "picture", "nodePayload": {}}]}
        async with database.transaction() as tx:
            await make_collection(tx, workflows.user_id, title="Mine", data=recipe)
        used = await workflows.send("PATCH", "/picture", {"name": "txt2img"})
        assert (used.status_code, used.json()["details"]["collections"][0]["title"]) == (409, "Mine")

    async def test_a_change_must_leave_it_usable(self, workflows: Workflows) -> None:
        made = await workflows.create()
        for wrong in ({"type": "comfy_workflow"}, {"data": {"job": 1}}, {"models": ["no.ckpt"]}, {"label": "x" * 201}):
            assert (await workflows.send("PATCH", "/txt2img", wrong)).status_code == 400
        assert (await workflows.send("GET", "/txt2img")).json()["data"]["updated_at"] == made["updated_at"]

    async def test_whether_it_needs_keys_follows_its_data(self, workflows: Workflows) -> None:
        await workflows.create(data=FETCH, type="fetch_api")
        api = FETCH["api"] | {"headers": {}}
        changed = (await workflows.send("PATCH", "/txt2img", {"data": FETCH | {"api": api}})).json()["data"]
        assert changed["requires_api_keys"] is False

    async def test_only_its_owner_or_a_service(self, workflows: Workflows, service: dict[str, str]) -> None:
        await workflows.create()
        other = Workflows(workflows.client)
        for method, change in (("PATCH", {"label": "mine"}), ("DELETE", None)):
            foreign = await other.send(method, "/txt2img", change)
            unknown = await other.send(method, "/no_such", change)
            assert foreign.status_code == unknown.status_code == 404
            assert foreign.json()["error"] == unknown.json()["error"]
        other.headers = service
        assert (await other.send("PATCH", "/txt2img", {"label": "ours"})).json()["data"]["label"] == "ours"
        assert (await other.send("DELETE", "/txt2img")).status_code == 200

    async def test_what_a_service_made_is_no_users(self, workflows: Workflows, service: dict[str, str]) -> None:
        mine, workflows.headers = workflows.headers, service
        await workflows.create()
        workflows.headers = mine
        assert (await workflows.send("PATCH", "/txt2img", {"label": "mine"})).status_code == 404


class TestDelete:
    async def collection(self, database: Database, user_id: UUID, title: str, **more: Any) -> UUID:
        recipe = {"version": "v2", "steps": [{"id": 1, "nodeName": "txt2img", "nodePayload": {}}]}
        async with database.transaction() as tx:
            return (await make_collection(tx, user_id, title=title, data=recipe, **more)).id

    async def test_an_unused_one_is_gone_with_its_links(self, workflows: Workflows, database: Database) -> None:
        await add_to_catalog(database, models=("a.ckpt",))
        made = await workflows.create(models=["a.ckpt"])
        response = await workflows.send("DELETE", "/txt2img")
        assert response.json()["data"] == {"id": made["id"], "name": "txt2img"}
        assert (await workflows.send("GET", "/txt2img")).status_code == 404

    async def test_one_in_use_stays_and_the_collections_are_named(
        self, workflows: Workflows, database: Database
    ) -> None:
        await workflows.create()
        mine = await self.collection(database, workflows.user_id, "Mine")
        public = await self.collection(database, new_id(), "Public", is_public=True)
        await self.collection(database, new_id(), "Secret plans")
        response = await workflows.send("DELETE", "/txt2img")
        assert response.status_code == 409
        named = response.json()["details"]["collections"]
        assert named == [{"id": str(public), "title": "Public"}, {"id": str(mine), "title": "Mine"}]
        assert f"Mine ({mine}) and others" in response.json()["error"]
        assert "Secret" not in response.text
        assert (await workflows.send("GET", "/txt2img")).status_code == 200

    async def test_one_that_only_the_published_version_uses_stays_until_the_next_is_published(
        self, workflows: Workflows, database: Database
    ) -> None:
        await workflows.create()
        collection = await self.collection(database, workflows.user_id, "Mine")
        later = {"version": "v2", "steps": [{"id": 1, "nodeName": "flexible_prompt", "nodePayload": {}}]}
        async with database.transaction() as tx:
            await tx.execute("UPDATE collection SET status = 'published', published_at = now()")
        async with database.transaction() as tx:
            await tx.execute("UPDATE collection SET data = %s", (Jsonb(later),))
        refused = await workflows.send("DELETE", "/txt2img")
        assert [item["id"] for item in refused.json()["details"]["collections"]] == [str(collection)]
        async with database.transaction() as tx:
            await tx.execute("UPDATE collection SET version = version + 1")
        assert (await workflows.send("DELETE", "/txt2img")).status_code == 200

    @pytest.mark.parametrize("data", [{}, [], {"steps": "txt2img"}, {"steps": [{"nodeName": 1}, 5]}, "txt2img"])
    async def test_odd_collections_do_not_count(self, workflows: Workflows, database: Database, data: Any) -> None:
        await workflows.create()
        async with database.transaction() as tx:
            collection = await make_collection(tx, await make_user(tx))
            await tx.execute("UPDATE collection SET data = %s WHERE id = %s", (Jsonb(data), collection.id))
        assert (await workflows.send("DELETE", "/txt2img")).status_code == 200

    @pytest.mark.parametrize("table", ["collection", "collection_version"])
    async def test_the_question_is_answered_by_an_index(self, database: Database, table: str) -> None:
        async with database.transaction() as tx:
            await tx.execute("SET LOCAL enable_seqscan = off")
            plan = await tx.fetch_values(
                f"EXPLAIN SELECT FROM {table} WHERE jsonb_path_query_array(data, '$.steps[*].nodeName') ? 'x'"
            )
        assert f"{table}_by_workflow" in "\n".join(plan)
