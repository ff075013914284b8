"""What may not start because of a quota, and what the reply says."""

import asyncio
from typing import Any

import pytest
from tests.apps import as_user
from tests.factories import Collection, make_file, make_user
from tests.orchestrator.rig import Rig, make_recipe, picture

from emprops.quotas import store
from emprops.quotas.limits import QuotaLimits, Subject


async def limit(rig: Rig, **limits: int) -> None:
    await limit_of(rig, Subject("user", rig.user_id), **limits)


async def limit_of(rig: Rig, subject: Subject, **limits: int) -> None:
    async with rig.database.transaction() as tx:
        await store.put(tx, subject, QuotaLimits(**limits), by="the test")


async def recipe(rig: Rig, **options: Any) -> Collection:
    async with rig.database.transaction() as tx:
        return await make_recipe(tx, **options)


async def generate(rig: Rig, collection: Collection, **headers: str) -> Any:
    path = f"/api/collections/{collection.id}/generate"
    return await rig.client.post(path, json={"variables": {}}, headers=as_user(rig.user_id) | headers)


async def refusal(rig: Rig, collection: Collection, **headers: str) -> dict[str, Any]:
    before = await rig.rows("SELECT id FROM job")
    reply = await generate(rig, collection, **headers)
    assert reply.status_code == 429, reply.text
    assert reply.json()["code"] == "quota_exceeded"
    assert int(reply.headers["retry-after"]) >= 1
    assert await rig.rows("SELECT id FROM job") == before, "nothing is half done"
    return dict(reply.json())


async def test_open_jobs(rig: Rig) -> None:
    await limit(rig, open_jobs=2)
    collection = await recipe(rig)
    for _ in range(2):
        assert (await generate(rig, collection)).status_code == 200
    refused = await refusal(rig, collection)
    assert refused["error"] == "You may have 2 open jobs, and have 2; try again when one of the jobs has ended."
    assert refused["details"] == {"quota": "open_jobs", "of": "user", "limit": 2, "used": 2, "resets_at": None}
    await rig.dispatcher.flush()
    await rig.run(picture())
    assert (await generate(rig, collection)).status_code == 200


async def test_open_steps_and_a_job_that_never_fits(rig: Rig) -> None:
    await limit(rig, open_steps=4)
    assert (await generate(rig, await recipe(rig, steps=3))).status_code == 200
    refused = await refusal(rig, await recipe(rig, steps=2))
    assert refused["error"] == "You may have 4 open steps, and have 3; try again when one of the jobs has ended."
    too_large = await refusal(rig, await recipe(rig, generations=5))
    expected = "You may have 4 open steps, and this needs 5; ask for fewer generations at once."
    assert too_large["error"] == expected


@pytest.mark.parametrize("quota", ["hourly_generations", "daily_generations"])
async def test_generations_in_a_time(rig: Rig, quota: str) -> None:
    await limit(rig, **{quota: 3})
    two = await recipe(rig, generations=2)
    assert (await generate(rig, two)).status_code == 200
    refused = await refusal(rig, two)
    assert refused["error"].startswith("You may start 3 generations a")
    assert (refused["details"]["used"], refused["details"]["limit"]) == (2, 3)
    assert refused["details"]["resets_at"].endswith("00:00Z")
    assert (await generate(rig, await recipe(rig))).status_code == 200, "what was refused did not count"
    await refusal(rig, await recipe(rig))
    await rig.execute("UPDATE quota_usage SET hour = hour - interval '1 hour', day = day - interval '1 day'")
    assert (await generate(rig, two)).status_code == 200


async def test_stored_bytes(rig: Rig) -> None:
    await limit(rig, stored_bytes=3)
    collection = await recipe(rig)
    assert (await generate(rig, collection)).status_code == 200
    await rig.dispatcher.flush()
    await rig.run(picture())
    refused = await refusal(rig, collection)
    assert "You may store 3 bytes, and have 3 bytes; delete outputs" in refused["error"]
    assert refused["details"] == {"quota": "stored_bytes", "of": "user", "limit": 3, "used": 3, "resets_at": None}
    async with rig.database.transaction() as tx:
        await tx.execute("UPDATE output SET flat_file_id = NULL")
        await tx.execute("DELETE FROM flat_file")
    assert (await generate(rig, collection)).status_code == 200


async def test_bytes_follow_their_owner_and_are_folded(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        anna, bert = await make_user(tx), await make_user(tx)
        files = [await make_file(tx) for _ in range(3)]
        await tx.execute("UPDATE flat_file SET size_bytes = 10, user_id = %s WHERE id = ANY(%s)", (anna, files))
        await tx.execute("UPDATE flat_file SET user_id = %s WHERE id = %s", (bert, files[0]))
    for _ in range(2):  # before and after the notes are folded
        async with rig.database.reader() as reader:
            assert [await store.bytes_of(reader, Subject("user", user)) for user in (anna, bert)] == [20, 10]
        assert await store.fold_changes(rig.database) >= 0
    assert await rig.rows("SELECT * FROM stored_bytes_change") == []


async def test_a_collection_and_a_key_have_limits_of_their_own(rig: Rig) -> None:
    collection, other = await recipe(rig), await recipe(rig)
    await limit_of(rig, Subject("collection", collection.id), open_jobs=1)
    assert (await generate(rig, collection)).status_code == 200
    assert (await refusal(rig, collection))["error"].startswith("This collection may have 1 open jobs, and has 1;")
    (key,) = await rig.rows("SELECT id FROM api_key")
    await limit_of(rig, Subject("key", key["id"]), open_jobs=1)
    assert (await generate(rig, other, **rig.service)).status_code == 200
    refused = await refusal(rig, other, **rig.service)
    assert (refused["details"]["of"], refused["error"][:17]) == ("key", "This API key may ")
    assert (await generate(rig, other)).status_code == 200, "the user alone may"


async def test_two_starts_never_share_the_last_place(rig: Rig) -> None:
    await limit(rig, open_jobs=3)
    collection = await recipe(rig)
    replies = await asyncio.gather(*(generate(rig, collection) for _ in range(10)))
    assert sorted(reply.status_code for reply in replies) == [200] * 3 + [429] * 7


async def test_a_retry_needs_room(rig: Rig) -> None:
    job_id = await rig.start()
    await rig.ok(job_id, "cancel")
    await limit(rig, open_jobs=1)
    await rig.start()
    reply = await rig.post(job_id, "retry")
    assert (reply.status_code, reply.json()["code"]) == (429, "quota_exceeded")
    assert (await rig.job(job_id))["status"] == "failed"
