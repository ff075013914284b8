"""What is checked before something starts, and what the answers do."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from tests.apps import as_user
from tests.fakes.moderation import FakeModeration
from tests.moderation.conftest import Moderate
from tests.orchestrator.rig import FAILED, Rig, make_recipe, picture
from tests.orchestrator.sources import develop, make_global, make_source

from emprops.credits import service as credit
from emprops.moderation import store
from emprops.moderation.verdicts import MAX_TEXT

BLOCK = {"verdict": "block", "reason": "No harbours, please."}
REVIEW = {"verdict": "review", "reason": "Is this a real harbour?"}


async def generate(rig: Rig, variables: dict[str, Any] | None = None, **options: Any) -> Any:
    async with rig.database.transaction() as tx:
        collection = await make_recipe(tx, **options)
    path = f"/api/collections/{collection.id}/generate"
    return await rig.client.post(path, json={"variables": variables or {}}, headers=as_user(rig.user_id))


async def reviews(rig: Rig, **query: Any) -> list[dict[str, Any]]:
    reply = await rig.client.get("/moderation/reviews", params=query, headers=rig.service)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["data"])


async def decide(rig: Rig, review: str, decision: str, **body: Any) -> Any:
    return await rig.client.post(f"/moderation/reviews/{review}/{decision}", json=body, headers=rig.service)


async def test_the_service_is_asked_about_what_will_run(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    moderate(moderation_secret=SecretStr("s3cret"))
    assert (await generate(rig, {"prompt": "a fox"})).status_code == 200
    (asked,) = judge.asked
    assert judge.tokens == ["Bearer s3cret"]
    assert (asked["stage"], asked["user_id"], asked["variables"]) == ("start", str(rig.user_id), {"prompt": "a fox"})
    assert asked["texts"] == ["a fox"]
    assert UUID(asked["collection_id"])


@pytest.mark.parametrize("text", ["data:, a nude", "https:// a nude", "data:;base64,a nude"])
async def test_no_text_hides_behind_how_it_begins(
    rig: Rig, moderate: Moderate, judge: FakeModeration, text: str
) -> None:
    moderate()
    await generate(rig, {"prompt": text})
    assert judge.asked[0]["texts"] == [text]


@pytest.mark.parametrize("table", ["collection_version", "workflow"])
async def test_what_starts_is_what_was_checked(rig: Rig, moderate: Moderate, judge: FakeModeration, table: str) -> None:
    moderate()
    judge.release = asyncio.Event()
    asking = asyncio.create_task(generate(rig, {"prompt": "a fox"}))
    await judge.waiting.wait()
    await rig.execute(f"UPDATE {table} SET data = data || '{{\"more\": 1}}'")
    judge.release.set()
    refused = await asking
    assert (refused.status_code, refused.json()["error"]) == (
        409,
        "The collection was changed while this was being checked; try again.",
    )
    assert await rig.rows("SELECT id FROM job") == []


async def test_what_is_not_seen_as_a_whole_is_not_allowed_unseen(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderate()
    started = (await generate(rig, {"other": "x" * MAX_TEXT, "prompt": "a fox"})).json()["data"]
    assert (judge.asked[0]["whole"], judge.asked[0]["texts"]) == (False, ["x" * MAX_TEXT])
    assert (await rig.job(UUID(started["jobId"])))["review"] == "start"
    judge.start = BLOCK
    assert (await generate(rig, {"other": "x" * MAX_TEXT, "prompt": "a fox"})).status_code == 403


async def test_what_is_blocked_starts_nothing_and_costs_nothing(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderate()
    judge.start = BLOCK
    refused = await generate(rig, price=1)
    assert (refused.status_code, refused.json()["code"]) == (403, "moderation_blocked")
    assert refused.json()["error"] == "No harbours, please."
    assert await rig.rows("SELECT id FROM job") == []
    assert await rig.rows("SELECT job_id FROM credit_hold") == []


@pytest.mark.parametrize("way", ["closed", "open"])
@pytest.mark.parametrize("fault", ["status", "answer", "nobody"])
async def test_an_outage_follows_the_setting(
    rig: Rig, moderate: Moderate, judge: FakeModeration, way: str, fault: str
) -> None:
    url = {"moderation_url": "http://127.0.0.1:1/judge"} if fault == "nobody" else {}
    moderate(moderation_outage=way, **url)
    if fault == "status":
        judge.status = 500
    judge.start = {"verdict": "perhaps"} if fault == "answer" else judge.start
    reply = await generate(rig)
    if way == "open":
        assert reply.status_code == 200
    else:
        assert (reply.status_code, reply.json()["code"]) == (503, "moderation_unavailable")
        assert await rig.rows("SELECT id FROM job") == []


async def test_a_start_that_is_held_runs_once_it_is_released(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderate(moderation_stages="start")
    judge.start = REVIEW
    started = (await generate(rig, generations=2)).json()["data"]
    assert started["warnings"] == ["This is held for review. Is this a real harbour?"]
    await rig.dispatcher.flush()
    assert await rig.worker.claim() == []
    job = await rig.job(UUID(started["jobId"]))
    assert (job["status"], job["review"], job["queue"]) == ("pending", "start", None)
    (held,) = await reviews(rig)
    assert (held["job_id"], held["stage"], held["reason"]) == (started["jobId"], "start", "Is this a real harbour?")
    shown = (await rig.client.get(f"/moderation/reviews/{held['id']}", headers=rig.service)).json()["data"]
    assert shown["texts"] == ["a quiet harbour"]
    assert (await decide(rig, held["id"], "release")).status_code == 200
    await rig.dispatcher.flush()
    await rig.run(picture("a"))
    await rig.run(picture("b"))
    assert (await rig.job(UUID(started["jobId"])))["status"] == "completed"
    assert await reviews(rig) == []
    (decided,) = await reviews(rig, decided=True)
    assert (decided["decision"], decided["decided_by"][:8]) == ("released", "key:emp_")
    again = await decide(rig, held["id"], "block")
    assert (again.status_code, again.json()["error"]) == (409, "This review has been decided already.")


async def test_a_start_that_is_blocked_after_review_fails_with_the_note_and_gives_the_credits_back(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderate()
    judge.start = REVIEW
    async with rig.database.transaction() as tx:
        await credit.account_of(tx, rig.user_id, terms=credit.terms_from(rig.settings))
    started = (await generate(rig, price=1)).json()["data"]
    (held,) = await reviews(rig)
    assert (await decide(rig, held["id"], "block", note="Not here.")).status_code == 200
    job = await rig.job(UUID(started["jobId"]))
    assert (job["status"], job["error_message"]) == ("failed", "Not here.")
    assert [row["state"] for row in await rig.rows("SELECT state FROM credit_hold")] == ["released"]
    actions = await rig.rows("SELECT details FROM audit_entry WHERE action = 'output.reviewed'")
    assert actions[0]["details"]["decision"] == "blocked"


async def test_cancelling_takes_the_review_back(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    moderate()
    judge.start = REVIEW
    started = (await generate(rig)).json()["data"]
    await rig.ok(UUID(started["jobId"]), "cancel")
    assert await reviews(rig) == []
    assert (await rig.job(UUID(started["jobId"])))["review"] is None
    moderate(moderation_stages="start")
    judge.start = {"verdict": "allow"}
    await rig.ok(UUID(started["jobId"]), "retry")
    await rig.dispatcher.flush()
    await rig.run(picture())
    assert (await rig.job(UUID(started["jobId"])))["status"] == "completed"


async def test_developing_and_retrying_are_checked_too(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    async with rig.database.transaction() as tx:
        source, _ = await make_source(tx, rig)
        collection = await make_global(tx)
    moderate(moderation_stages="start")
    assert (await develop(rig, source, collection)).status_code == 202
    assert "https://cdn.example.com/a.png" in judge.asked[0]["files"]
    judge.start = BLOCK
    refused = await develop(rig, source, collection)
    assert (refused.status_code, refused.json()["error"]) == (403, "No harbours, please.")
    judge.start = {"verdict": "allow"}
    await rig.dispatcher.flush()
    await rig.run(FAILED)
    (job,) = await rig.rows("SELECT id FROM job")
    judge.start = BLOCK
    refused = await rig.post(job["id"], "retry")
    assert (refused.status_code, refused.json()["error"]) == (403, "No harbours, please.")
    judge.start = REVIEW
    await rig.ok(job["id"], "retry")
    await rig.dispatcher.flush()
    assert await rig.worker.claim() == []
    (held,) = await reviews(rig)
    await decide(rig, held["id"], "release")
    await rig.dispatcher.flush()
    await rig.run(picture())
    assert (await rig.job(job["id"]))["status"] == "completed"


async def test_collections_may_be_checked_otherwise_than_the_installation(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderate(moderation_stages="none")
    async with rig.database.transaction() as tx:
        collection = await make_recipe(tx)
    path, checks = f"/api/collections/{collection.id}/generate", f"/moderation/collections/{collection.id}"
    assert (await rig.client.post(path, json={"variables": {}}, headers=as_user(rig.user_id))).status_code == 200
    assert judge.asked == []
    put = await rig.client.put(checks, json={"stages": ["start"]}, headers=rig.service)
    assert put.json()["data"] == {"stages": ["start"]}
    await rig.client.post(path, json={"variables": {}}, headers=as_user(rig.user_id))
    assert len(judge.asked) == 1
    await rig.client.put(checks, json={"stages": None}, headers=rig.service)
    async with rig.database.reader() as reader:
        assert await store.stages_of(reader, collection.id) is None
    unknown = await rig.client.put(f"/moderation/collections/{rig.user_id}", json={"stages": []}, headers=rig.service)
    assert unknown.status_code == 404
