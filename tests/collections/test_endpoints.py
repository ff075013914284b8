"""Collections and projects over HTTP: made and changed."""

from typing import Any

import pytest
from tests.collections.conftest import BODY, User
from tests.factories import INSTRUCTIONS

from emprops.kit.ids import new_id


class TestProjects:
    async def test_make_read_rename_list(self, user: User, other: User) -> None:
        first = await user.post("/api/projects", {"name": "First"}, status=201)
        second = await user.post("/projects", {"name": "Second"}, status=201)
        assert (first["name"], first["is_default"], first["version"]) == ("First", False, "v2")
        assert await user.get(f"/projects/{first['id']}") == first
        renamed = await user.patch(f"/projects/{first['id']}", {"name": "Renamed"})
        assert (renamed["id"], renamed["name"]) == (first["id"], "Renamed")
        assert await user.get("/projects") == [second, renamed]
        assert await user.get("/projects?limit=1&offset=1") == [renamed]
        assert await other.get("/projects") == []
        for call in (other.get(f"/projects/{first['id']}", status=404), user.get(f"/projects/{new_id()}", status=404)):
            assert (await call)["error"] == "Project not found"
        await other.patch(f"/projects/{first['id']}", {"name": "Mine"}, status=404)

    async def test_needs_a_name(self, user: User) -> None:
        for body in ({}, {"name": ""}, {"name": "  "}, {"name": None}, {"name": "x" * 201}):
            assert "name" in (await user.post("/projects", body, status=400))["error"]


class TestCreate:
    async def test_everything_that_can_be_said(self, user: User) -> None:
        project = await user.post("/projects", {"name": "P"}, status=201)
        said = {
            "title": "Harbours", "description": "Pictures", "blockchain": "TEZOS", "price": "1.50", "editions": "10",
            "cover_image_url": "https://example.com/c.png", "miniapp_cover_image": "ipfs://cover", "cast_hash": "0xab",
            "is_public": True,
        }  # fmt: skip
        made = await user.post(
            "/api/collections", said | {"data": INSTRUCTIONS, "project_id": project["id"], "more": 1}, status=201
        )
        expected = said | {
            "blockchain": "tezos", "price": 1.5, "editions": 10, "project_id": project["id"], "data": INSTRUCTIONS,
            "status": "draft", "archived": False, "version": 1, "has_unpublished_changes": False, "slug": None,
            "is_custodial": False, "custodied_for": None, "is_global": False, "input_type": None, "output_type": None,
            "published_at": None,
        }  # fmt: skip
        assert {name: made[name] for name in expected} == expected
        assert made.keys() - expected.keys() == {"id", "created_at", "updated_at"}
        assert await user.get(f"/collections/{made['id']}") == made

    async def test_the_default_project_is_made_when_missing(self, user: User) -> None:
        first, second = [await user.post("/collections", BODY, status=201) for _ in range(2)]
        (project,) = await user.get("/projects")
        assert (project["name"], project["is_default"]) == ("Default", True)
        assert first["project_id"] == second["project_id"] == project["id"]
        assert (first["description"], first["price"], first["editions"], first["blockchain"]) == ("", 0, 1, None)

    async def test_in_a_project(self, user: User, other: User) -> None:
        project = await user.post("/projects", {"name": "P"}, status=201)
        made = await user.post(f"/projects/{project['id']}/collections", BODY, status=201)
        assert made["project_id"] == project["id"]
        for body, path in (
            (BODY, f"/projects/{project['id']}/collections"),
            (BODY | {"project_id": project["id"]}, "/collections"),
        ):
            assert (await other.post(path, body, status=404))["error"] == "Project not found"
        assert await other.get("/collections") == await other.get("/projects") == []

    async def test_faulty_data_is_refused_with_every_fault(self, user: User) -> None:
        steps = [{"id": 1, "nodeName": "gone", "nodePayload": {"a": "{{x}}"}}, {"id": 1, "nodeName": "local_image"}]
        reply = await user.post("/collections", {"title": "T", "data": {"steps": steps}}, status=400)
        assert reply["details"] == {
            "problems": [
                "step 1 uses the workflow gone, which does not exist",
                "two steps have the id 1",
                "step 1, a uses the variable x, which is not defined",
            ]
        }
        assert reply["error"].startswith("The collection's data cannot be used: step 1 uses the workflow gone")
        assert await user.get("/collections") == []

    async def test_what_is_refused(self, user: User) -> None:
        wrong: dict[str, list[Any]] = {
            "title": [None, "", "  ", "x" * 201, 5],
            "data": [None, [], "x"],
            "price": [-1, "-1", "NaN", "Infinity", "1e3", "1_0", "", True, None, [], "٣", 1e300, 1e-300, "1" * 16],
            "editions": [-1, 1.5, "1.5", "x", True, None, 2**31, ""],
            "blockchain": ["bitcoin", 5],
            "cover_image_url": ["javascript:alert(1)", "x", "https://" + "x" * 2048],
            "is_public": [None],
        }
        for field, values in wrong.items():
            for value in values:
                assert field in (await user.post("/collections", BODY | {field: value}, status=400))["error"], value
        assert await user.get("/collections") == []

    async def test_prices_are_exact(self, user: User) -> None:
        for sent, shown in (
            ("0", 0),
            (0, 0),
            ("1.50", 1.5),
            (0.1, 0.1),
            (1e-7, 1e-7),
            (" 2 ", 2),
            ("9" * 15, 10**15 - 1),
        ):
            made = await user.post("/collections", BODY | {"price": sent, "blockchain": "base"}, status=201)
            assert (made["price"], type(made["price"])) == (shown, type(shown))


class TestChanging:
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    async def test_what_is_sent_changes_and_nothing_else(self, user: User, method: str) -> None:
        made = await user.post("/collections", BODY | {"price": 2, "cover_image_url": "https://e.com/c"}, status=201)
        path = f"/collections/{made['id']}"
        changes = {"title": "New", "price": "3.5", "is_public": True, "cover_image_url": None, "blockchain": "BASE"}
        changed = await user.call(method, path, changes | {"status": "published", "user_id": str(new_id())})
        assert changed == made | changes | {
            "price": 3.5, "blockchain": "base", "updated_at": changed["updated_at"]
        }  # fmt: skip
        assert changed["updated_at"] > made["updated_at"]
        assert await user.get(path) == changed
        assert await user.call(method, path, {}) == changed

    async def test_what_cannot_be_nothing(self, user: User) -> None:
        made = await user.post("/collections", BODY, status=201)
        for field in ("title", "data", "price", "editions", "is_public", "description"):
            assert field in (await user.patch(f"/collections/{made['id']}", {field: None}, status=400))["error"]

    async def test_by_others_and_services(self, user: User, other: User, service: User) -> None:
        made = await user.post("/collections", BODY, status=201)
        path = f"/collections/{made['id']}"
        await user.post(f"{path}/publish")
        for method, call, body in (
            ("PATCH", "", {"title": "x"}),
            ("PUT", "", {"title": "x"}),
            ("DELETE", "", None),
            ("POST", "/publish", None),
            ("POST", "/archive", None),
            ("POST", "/unarchive", None),
            ("GET", "/versions", None),
            ("GET", "/versions/1", None),
            ("POST", "/global", {"input_type": "image", "output_type": "image"}),
        ):
            assert (await other.call(method, path + call, body, status=404))["error"] == "Collection not found"
        assert (await service.patch(path, {"title": "By a service"}))["title"] == "By a service"

    async def test_faulty_data_is_refused(self, user: User) -> None:
        made = await user.post("/collections", BODY, status=201)
        reply = await user.patch(f"/collections/{made['id']}", {"title": "New", "data": {"steps": []}}, status=400)
        assert reply["details"] == {"problems": ["steps must be a list with at least one step"]}
        assert (await user.get(f"/collections/{made['id']}"))["title"] == made["title"]

    async def test_archive_and_back(self, user: User, other: User) -> None:
        made = await user.post("/collections", BODY, status=201)
        path = f"/collections/{made['id']}"
        published = await user.post(f"{path}/publish")
        for archive in (("POST", f"{path}/archive"), ("DELETE", path)):
            archived = await user.call(*archive)
            assert (archived["archived"], archived["status"]) == (True, "published")
            for caller in (user, other):
                await caller.post(f"{path}/generate", {"variables": {}}, status=404)
            reply = await user.post(f"{path}/publish", status=409)
            assert reply["error"] == "The collection is archived; unarchive it before you publish it."
            back = await user.post(f"{path}/unarchive")
            assert back == published | {"updated_at": back["updated_at"]}
            await other.post(f"{path}/generate", {"variables": {}})


class TestGlobal:
    async def test_on_and_off(self, user: User) -> None:
        made = await user.post("/collections", BODY, status=201)
        path = f"/collections/{made['id']}"
        types = {"input_type": "image", "output_type": "video"}
        for wrong in ({}, {"input_type": "image"}, {"output_type": "video"}, types | {"input_type": "sound"}):
            assert "input_type" in (await user.post(f"{path}/global", wrong, status=400))["error"]
        on = await user.post(f"{path}/global", types)
        assert {name: on[name] for name in ("is_global", *types)} == types | {"is_global": True}
        off = await user.post(f"{path}/global", {"is_global": False})
        assert (off["is_global"], off["input_type"]) == (False, "image")
        assert (await user.post(f"{path}/global", {"output_type": "text"}))["output_type"] == "text"


class TestReferences:
    async def test_what_cannot_fit_is_refused_when_it_is_stored(self, user: User) -> None:
        steps = [
            {"id": 1, "nodeName": "local_text", "alias": "Write", "nodePayload": {"prompt": "x"}},
            {"id": 2, "nodeName": "local_upscale", "nodePayload": {"image": {"$ref": 1}, "factor": {"$ref": 1}}},
        ]
        problems = [
            "step 2, image takes an image, but step 1 (Write) makes text/plain",
            "step 2, factor cannot take the result of another step, it takes a choice",
        ]
        body = {"title": "Misfit", "data": {"steps": steps}}
        refused = await user.post("/collections", body, status=400)
        assert sorted(refused["details"]["problems"]) == sorted(problems)
        made = await user.post("/collections", BODY, status=201)
        refused = await user.patch(f"/collections/{made['id']}", {"data": body["data"]}, status=400)
        assert sorted(refused["details"]["problems"]) == sorted(problems)
        steps[1]["nodePayload"] = {"image": {"$ref": 1, "output": "image", "file": 0}}  # its author knows better
        await user.post("/collections", body, status=201)
