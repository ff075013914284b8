"""Publishing, and which data a generation uses (docs/decisions/0008-collection-version_store.md)."""

import asyncio
import copy
from typing import Any

import httpx2
import psycopg
import pytest
from tests.collections.conftest import Planned, User
from tests.factories import INSTRUCTIONS

from emprops.auth.caller import Caller
from emprops.collections import service, version_store
from emprops.collections.store import Working
from emprops.kit.database import Database
from emprops.kit.ids import new_id


def data(prompt: str) -> dict[str, Any]:
    """An instruction set that shows in its payload."""
    changed = copy.deepcopy(INSTRUCTIONS)
    changed["steps"][0]["nodePayload"]["prompt"] = prompt
    return changed


async def make(user: User, prompt: str = "one") -> str:
    made = await user.post("/collections", {"title": "T", "data": data(prompt)}, status=201)
    return str(made["id"])


async def test_a_draft_runs_what_is_being_worked_on_for_its_owner_only(
    user: User, other: User, planned: Planned
) -> None:
    collection = await make(user)
    assert [p["prompt"] for p in await planned(user, collection, {})] == ["one"]
    await user.patch(f"/collections/{collection}", {"data": data("two")})
    assert [p["prompt"] for p in await planned(user, collection, {})] == ["two"]
    for is_public in (False, True):
        await user.patch(f"/collections/{collection}", {"is_public": is_public})
        await other.post(f"/collections/{collection}/generate", {"variables": {}}, status=404)
        await other.post(f"/collections/{collection}/price", {}, status=404)


async def test_a_change_waits_for_the_next_publish(user: User, other: User, planned: Planned) -> None:
    collection = await make(user)
    path = f"/collections/{collection}"
    published = await user.post(f"{path}/publish")
    assert (published["status"], published["version"], published["has_unpublished_changes"]) == ("published", 1, False)
    assert published["published_at"] is not None
    changed = await user.patch(path, {"data": data("two")})
    assert (changed["version"], changed["has_unpublished_changes"], changed["data"]) == (1, True, data("two"))
    for caller in (user, other):
        assert [p["prompt"] for p in await planned(caller, collection, {})] == ["one"]
    again = await user.post(f"{path}/publish")
    assert (again["version"], again["has_unpublished_changes"]) == (2, False)
    assert again["published_at"] == published["published_at"]
    for caller in (user, other):
        assert [p["prompt"] for p in await planned(caller, collection, {})] == ["two"]


async def test_publishing_the_same_is_the_same_version(user: User) -> None:
    path = f"/collections/{await make(user)}"
    await user.post(f"{path}/publish")
    await user.patch(path, {"title": "Other", "data": data("one")})
    assert (await user.post(f"{path}/publish"))["version"] == 1
    assert [version["version"] for version in await user.get(f"{path}/versions")] == [1]


async def test_versions_are_kept(user: User) -> None:
    path = f"/collections/{await make(user, 'v1')}"
    assert await user.get(f"{path}/versions") == []
    await user.post(f"{path}/publish")
    for number in (2, 3):
        await user.patch(path, {"data": data(f"v{number}")})
        await user.post(f"{path}/publish")
    listed = await user.get(f"{path}/versions")
    assert [(one["version"], one["is_current"]) for one in listed] == [(3, True), (2, False), (1, False)]
    assert await user.get(f"{path}/versions?limit=1&offset=1") == [listed[1]]
    for number in (1, 2, 3):
        one = await user.get(f"{path}/versions/{number}")
        assert (one["version"], one["data"]) == (number, data(f"v{number}"))
    for unknown in ("4", "0", "01", "x", str(2**31)):
        assert (await user.get(f"{path}/versions/{unknown}", status=404))["error"] == "Version not found"


async def test_jobs_keep_their_steps_and_tell_their_version(user: User, other: User, database: Database) -> None:
    collection = await make(user)
    path = f"/collections/{collection}"
    generate = (f"/api{path}/generate", {"variables": {}})
    jobs = [(await user.post(*generate))["jobId"]]
    await user.post(f"{path}/publish")
    jobs.append((await other.post(*generate))["jobId"])
    await user.patch(path, {"data": data("two")})
    await user.post(f"{path}/publish")
    jobs.append((await other.post(*generate))["jobId"])
    async with database.reader() as reader:
        rows = [
            await reader.fetch_dicts(
                "SELECT j.collection_version, s.input_data ->> 'prompt' AS prompt FROM job j JOIN step s "
                "ON s.job_id = j.id WHERE j.id = %s",
                (job,),
            )
            for job in jobs
        ]
    assert [(row["collection_version"], row["prompt"]) for (row,) in rows] == [(None, "one"), (1, "one"), (2, "two")]


async def test_data_that_cannot_run_any_more_is_not_published(user: User, database: Database) -> None:
    path = f"/collections/{await make(user)}"
    async with database.transaction() as tx:
        await tx.execute("UPDATE workflow SET name = 'gone' WHERE name = 'local_image'")
    reply = await user.post(f"{path}/publish", status=400)
    assert reply["details"] == {"problems": ["step 1 uses the workflow local_image, which does not exist"]}
    assert (await user.get(path))["status"] == "draft"


async def test_what_turns_out_corrupt_is_said_when_generating(user: User, database: Database) -> None:
    collection = await make(user)
    await user.post(f"/collections/{collection}/publish")
    async with database.transaction() as tx:
        await tx.execute("UPDATE workflow SET name = 'gone' WHERE name = 'local_image'")
    reply = await user.post(f"/api/collections/{collection}/generate", {"variables": {}}, status=400)
    assert reply["error"] == "COLLECTION_CORRUPTED"
    assert reply["message"].startswith("This collection contains corrupted data")
    assert reply["userMessage"] == "Collection data is corrupted. Please contact support."


async def test_whatever_publishes_leaves_a_version(user: User, database: Database) -> None:
    collection = await make(user)
    async with database.transaction() as tx:
        await tx.execute("UPDATE collection SET status = 'published', version = 7 WHERE id = %s", (collection,))
        version = await version_store.get_version(tx, (await service.get_shown(tx, collection)).id, 7)
        assert version is not None
        assert version.data == data("one")
    async with database.reader() as alone:
        with pytest.raises(psycopg.errors.CheckViolation):
            await alone.execute("UPDATE collection SET version = 0 WHERE id = %s", (collection,))


async def test_many_publish_at_once(user: User) -> None:
    path = f"/collections/{await make(user)}"
    await user.post(f"{path}/publish")
    await user.patch(path, {"data": data("two")})
    replies = await asyncio.gather(*(user.post(f"{path}/publish") for _ in range(8)))
    assert {reply["version"] for reply in replies} == {2}
    assert [one["version"] for one in await user.get(f"{path}/versions")] == [2, 1]


async def test_who_publishes_while_another_changes_publishes_one_of_both(user: User, database: Database) -> None:
    """A publish that waits for a change publishes what the change left, not what it saw when it began to wait."""
    collection = await make(user)
    caller = Caller(user.id)

    async def publish_in_its_own_transaction() -> Working:
        async with database.transaction() as tx:
            return await service.publish(tx, caller, collection)

    await publish_in_its_own_transaction()
    async with database.transaction() as tx:
        await service.change(tx, caller, collection, {"data": data("two")})
        await service.publish(tx, caller, collection)
        await service.change(tx, caller, collection, {"data": data("three")})
        waiting = asyncio.create_task(publish_in_its_own_transaction())
        while not await tx.fetch_value(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        ):
            assert not waiting.done()
    published = await waiting
    assert (published.version, published.data, published.has_unpublished_changes) == (3, data("three"), False)


@pytest.mark.parametrize("path", ["/collections/{}", "/collections/{}/publish"])
async def test_unknown_ids(client: httpx2.AsyncClient, user: User, path: str) -> None:
    for unknown in (str(new_id()), "no such thing", "NO-SLUG"):
        method = "POST" if path.endswith("publish") else "GET"
        assert (await client.request(method, path.format(unknown), headers=user.headers)).status_code == 404


async def test_an_earlier_version_is_published_again(user: User, other: User, planned: Planned) -> None:
    collection = await make(user)
    path = f"/collections/{collection}"
    await user.post(f"{path}/publish")
    await user.patch(path, {"data": data("two")})
    await user.post(f"{path}/publish")
    again = await user.post(f"{path}/publish", {"version": 1})
    assert (again["version"], again["data"], again["has_unpublished_changes"]) == (3, data("one"), False)
    assert [p["prompt"] for p in await planned(other, collection, {})] == ["one"]
    await user.patch(path, {"data": data("draft")})
    kept = await user.post(f"{path}/publish", {"version": 2})
    assert (kept["version"], kept["data"], kept["has_unpublished_changes"]) == (4, data("draft"), True)
    assert [p["prompt"] for p in await planned(other, collection, {})] == ["two"]
    await user.post(f"{path}/publish", {"version": 9}, status=404)
