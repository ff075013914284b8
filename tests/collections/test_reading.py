"""Collections over HTTP: which are listed, and who sees which."""

from typing import Any

from tests.collections.conftest import BODY, User
from tests.factories import make_collection
from tests.plans import Explaining, gather

from emprops.collections import store
from emprops.collections.store import Wanted
from emprops.kit.database import Database
from emprops.kit.web.paging import Page


def titles(items: list[dict[str, Any]]) -> list[str]:
    return [item["title"] for item in items]


class TestLists:
    async def test_own_ones_newest_first_and_narrowed(self, user: User, other: User) -> None:
        project = await user.post("/projects", {"name": "P"}, status=201)
        for title, where in (("a", {}), ("b", {"project_id": project["id"]}), ("c", {}), ("d", {})):
            made = await user.post("/collections", BODY | {"title": title} | where, status=201)
            if title in "ac":
                await user.post(f"/collections/{made['id']}/publish")
        await user.post(f"/collections/{made['id']}/archive")
        assert titles(await user.get("/collections")) == ["c", "b", "a"]
        assert "data" not in (await user.get("/collections"))[0]
        assert titles(await user.get("/collections?archived=true")) == ["d"]
        assert titles(await user.get("/collections?status=draft")) == ["b"]
        assert titles(await user.get("/collections?status=published")) == ["c", "a"]
        assert titles(await user.get(f"/collections?project_id={project['id']}")) == ["b"]
        assert titles(await user.get("/collections?limit=2")) == ["c", "b"]
        assert titles(await user.get("/collections?limit=1&offset=2")) == ["a"]
        assert await other.get(f"/collections?project_id={project['id']}") == []
        await user.get("/collections?status=hidden", status=400)

    async def test_public_ones(self, user: User, nobody: User, database: Database) -> None:
        async with database.transaction() as tx:
            await tx.execute("UPDATE collection SET is_public = false")  # the samples
            for title, columns in {
                "first": {"is_public": True},
                "second": {"is_public": True},
                "draft": {"is_public": True, "status": "draft"},
                "unlisted": {"status": "published"},
            }.items():
                await make_collection(tx, title=title, **columns)
            gone = await make_collection(tx, is_public=True)
            await tx.execute("UPDATE collection SET archived = true WHERE id = %s", (gone.id,))
        found = await nobody.get("/collections/public")
        assert titles(found) == ["second", "first"]
        assert not found[0].keys() & {"project_id", "user_id", "data"}
        assert titles(await user.get("/api/collections/public?limit=1&offset=1")) == ["first"]

    async def test_indexes_serve_the_order(self, database: Database) -> None:
        async with database.transaction() as tx:
            mine, other = await make_collection(tx), await make_collection(tx)
            await tx.execute(
                """
                INSERT INTO collection (id, project_id, title, data, status, is_public, published_at)
                SELECT gen_random_uuid(), (%s::uuid[])[1 + n %% 2], '', '{}', 'published', n %% 4 = 0, now()
                FROM generate_series(1, 4000) n
                """,
                ([mine.project_id, other.project_id],),
            )
            await gather(tx, "collection", "project")
            explaining = Explaining(tx.connection)
            await store.list_public(explaining, Page())
            assert "Index Scan using collection_public" in explaining.plan
            assert "Sort" not in explaining.plan
            await store.list_of_user(explaining, mine.user_id, Wanted(), Page())
            assert "Index Scan using collection_of_project" in explaining.plan
            assert explaining.plan.count("Sort") <= 2, "only the merged newest are sorted"


class TestSeeing:
    async def test_a_draft_is_its_owner_s(self, user: User, other: User, nobody: User, service: User) -> None:
        made = await user.post("/collections", BODY | {"is_public": True}, status=201)
        path = f"/collections/{made['id']}"
        assert await user.get(path) == made == await service.get(path)
        for caller in (other, user):
            reply = await caller.get(f"{path}/public", status=404)
            assert reply["error"] == "Collection not found"
        await other.get(path, status=404)
        await other.get(f"{path}/form", status=404)
        await nobody.get(f"{path}/form", status=404)
        await nobody.get(path, status=401)
        assert (await user.get(f"{path}/form"))["properties"].keys() == {"prompt"}

    async def test_others_see_the_public_face_of_a_published_one(self, user: User, other: User, nobody: User) -> None:
        made = await user.post("/collections", BODY, status=201)
        path = f"/collections/{made['id']}"
        own = await user.post(f"{path}/publish")
        seen = await other.get(path)
        assert seen == await nobody.get(f"{path}/public") == {name: own[name] for name in seen}
        assert not seen.keys() & {"data", "project_id", "has_unpublished_changes", "archived"}
        assert (await nobody.get(f"{path}/form"))["properties"].keys() == {"prompt"}
        await user.post(f"{path}/archive")
        for caller, shown in (
            (other, path),
            (nobody, f"{path}/public"),
            (user, f"{path}/public"),
            (nobody, f"{path}/form"),
        ):
            await caller.get(shown, status=404)
        assert (await user.get(path))["archived"] is True

    async def test_by_short_name(self, user: User, nobody: User) -> None:
        assert (await user.get("/collections/art"))["title"] == "Generative Art"
        assert (await nobody.get("/api/collections/art/public"))["slug"] == "art"
        await user.get("/collections/none", status=404)

    async def test_a_form_of_corrupt_data(self, user: User, database: Database) -> None:
        made = await user.post("/collections", BODY, status=201)
        for data in ('{"variables": [{"name": "x", "type": "nothing"}]}', "[]", "5"):
            async with database.transaction() as tx:
                await tx.execute("UPDATE collection SET data = %s::jsonb WHERE id = %s", (data, made["id"]))
            assert (await user.get(f"/collections/{made['id']}/form", status=400))["error"] == "COLLECTION_CORRUPTED"
