"""Steps that are settled by usage: the most is held, what was used is charged, and the rest is given back."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from tests.apps import as_user
from tests.credits.conftest import make_priced_collection
from tests.credits.invariants import broken
from tests.orchestrator.rig import FAILED, Rig
from tests.orchestrator.rig import picture as picture_of

from emprops.credits import service
from emprops.credits.amounts import MICROS
from emprops.credits.service import Terms
from emprops.credits.store import Account, account_of
from emprops.queue.messages import Finished

TOKENS = {"per": "total_tokens", "rate": 0.000002, "minimum": 0.01, "most": 0.25}


async def begun(rig: Rig, price: Any, *, generations: int = 1, credits: float = 1, **options: Any) -> UUID:  # noqa: A002
    """A job of the rig's user, who has this many credits; its collection costs 0.1 for each generation."""
    async with rig.database.transaction() as tx:
        collection = await make_priced_collection(tx, price, generations=generations)
        await tx.execute("UPDATE collection SET price = 0.1, blockchain = NULL WHERE id = %s", (collection.id,))
        await service.grant(tx, rig.user_id, round(credits * MICROS), reason="test", terms=Terms())
    path = f"/api/collections/{collection.id}/generate"
    response = await rig.client.post(path, json={"variables": options}, headers=as_user(rig.user_id))
    assert response.status_code == 200, response.text
    await rig.dispatcher.flush()
    return UUID(response.json()["data"]["jobId"])


def told(usage: Any) -> Finished:
    return Finished(data={"text": "A fox."} | ({} if usage is None else {"usage": usage}))


async def account(rig: Rig) -> Account | None:
    async with rig.database.reader() as reader:
        assert not await broken(reader)
        return await account_of(reader, rig.user_id)


async def ledger(rig: Rig, job_id: UUID) -> list[tuple[str, float, str]]:
    rows = await rig.rows("SELECT kind, amount, reason FROM credit_entry WHERE job_id = %s ORDER BY id", job_id)
    return [(row["kind"], row["amount"] / MICROS, row["reason"]) for row in rows]


async def test_what_was_used_is_charged_and_the_rest_is_given_back(rig: Rig) -> None:
    job_id = await begun(rig, TOKENS)
    assert await account(rig) == Account(available=650_000, held=350_000)
    held = (await rig.job(job_id))["price"]
    assert (held["state"], held["price"], held["least"], held["charged"]) == ("held", 0.35, 0.11, None)
    await rig.run(told({"prompt_tokens": 10_000, "completion_tokens": 40_000, "total_tokens": 50_000}))
    assert await account(rig) == Account(available=800_000, held=0)
    _, capture, rest = await ledger(rig, job_id)
    name = held["steps"][0]["name"]
    assert capture == ("capture", 0.2, f"Generation completed: {name}: 50000 total_tokens at 0.000002 = 0.1")
    assert rest == ("settle", 0.15, "Held for this job and not used")
    price = (await rig.job(job_id))["price"]
    assert (price["state"], price["price"], price["charged"]) == ("captured", 0.35, 0.2)
    assert [(step["used"], step["charged"]) for step in price["steps"]] == [(50_000, 0.1)]
    shown = (await rig.client.get("/credits/ledger", headers=as_user(rig.user_id))).json()["data"]
    assert [(entry["kind"], entry["available"], entry["held"]) for entry in shown[:2]] == [
        ("settle", 0.15, -0.15),
        ("capture", 0, -0.2),
    ]


@pytest.mark.parametrize(
    ("usage", "charged"),
    [
        ({"total_tokens": 10**15}, 0.35),  # no number from a worker reaches beyond the hold
        ({"total_tokens": -5}, 0.11),
        ({"total_tokens": "1"}, 0.11),
        ({"prompt_tokens": 50_000}, 0.11),
        (None, 0.11),
    ],
)
async def test_what_a_worker_says_is_bounded_and_missing_usage_costs_the_minimum(
    rig: Rig, usage: Any, charged: float
) -> None:
    job_id = await begun(rig, TOKENS)
    await rig.run(told(usage))
    assert await account(rig) == Account(available=round((1 - charged) * MICROS), held=0)
    assert (await rig.job(job_id))["price"]["charged"] == charged


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        (5_000, "5000 total_tokens at 0.000002 = 0.01"),
        (4_999, "4999 total_tokens at 0.000002, so the minimum of 0.01"),
        (125_000, "125000 total_tokens at 0.000002 = 0.25"),
        (125_001, "125001 total_tokens at 0.000002, so the most, 0.25"),
    ],
)
async def test_the_ledger_says_how_much_was_used_and_which_bound_held(rig: Rig, tokens: int, says: str) -> None:
    job_id = await begun(rig, TOKENS)
    await rig.run(told({"total_tokens": tokens}))
    assert (await ledger(rig, job_id))[1][2].endswith(f": {says}")


async def test_missing_usage_is_said_in_the_ledger_and_in_the_job(rig: Rig) -> None:
    job_id = await begun(rig, TOKENS)
    await rig.run(told(None))
    assert "total_tokens not reported, so the minimum of 0.01" in (await ledger(rig, job_id))[1][2]
    [step] = (await rig.job(job_id))["price"]["steps"]
    assert (step["used"], step["charged"]) == (None, 0.01)


async def test_each_generation_settles_by_itself(rig: Rig) -> None:
    await begun(rig, TOKENS, generations=3, credits=2)
    for tokens in (20_000, 30_000, 10):
        await rig.run(told({"total_tokens": tokens}))
    assert await account(rig) == Account(available=2 * MICROS - 300_000 - 40_000 - 60_000 - 10_000, held=0)


async def test_seconds_are_those_between_claim_and_end_by_the_queues_clock(rig: Rig) -> None:
    job_id = await begun(rig, {"per": "seconds", "rate": 0.01, "most": 0.5})
    claim = await rig.worker.claim_one()
    ticket = f"emprops:ticket:{claim.ticket.id}"
    since = int(await rig.redis.hget(ticket, "since"))
    await rig.redis.hset(ticket, "since", since - 20_000)  # 20 seconds ago
    assert await rig.worker.finish(claim, told({"seconds": 0}))
    await rig.settle()
    [step] = await rig.steps(job_id)
    assert 20 <= step["seconds"] < 25
    price = (await rig.job(job_id))["price"]
    assert 0.3 <= price["charged"] < 0.35
    assert price["steps"][0]["used"] == step["seconds"]


async def test_a_reused_step_is_charged_for_the_run_it_had(rig: Rig) -> None:
    """The first attempt was given back whole; what is delivered now was made then."""
    job_id = await begun(rig, TOKENS, generations=2)
    await rig.run(told({"total_tokens": 50_000}))
    await rig.run(FAILED)
    assert await account(rig) == Account(available=MICROS, held=0)
    await rig.ok(job_id, "retry")
    await rig.dispatcher.flush()
    assert await account(rig) == Account(available=300_000, held=700_000)
    await rig.run(told({"total_tokens": 25_000}))
    assert await account(rig) == Account(available=MICROS - 200_000 - 100_000 - 50_000, held=0)


async def test_usage_that_comes_to_nothing_gives_everything_back(rig: Rig) -> None:
    job_id = await begun(rig, TOKENS | {"minimum": 0})
    await rig.execute("UPDATE job SET price = jsonb_set(price, '{collection}', '0') WHERE id = %s", job_id)
    await rig.run(told({"total_tokens": 0}))
    assert await account(rig) == Account(available=MICROS, held=0)
    assert [entry[:2] for entry in await ledger(rig, job_id)] == [("hold", 0.35), ("settle", 0.35)]


@pytest.mark.parametrize(("left", "kinds"), [(MICROS, ["hold", "capture", "settle"]), (0, ["unpaid"])])
async def test_completed_after_a_failure_it_costs_what_it_used(rig: Rig, left: int, kinds: list[str]) -> None:
    job_id = await begun(rig, TOKENS, generations=2)
    await rig.run(told({"total_tokens": 50_000}))
    await rig.run(FAILED)
    async with rig.database.transaction() as tx:
        if not left:
            await service.adjust(tx, rig.user_id, -MICROS, reason="spent", terms=Terms())
    body = {"outputs": None, "workflow_output": "https://cdn.example.com/a.png"}
    await rig.ok(job_id, "complete", body, **rig.service)
    entries = await ledger(rig, job_id)
    assert [entry[0] for entry in entries[2:]] == kinds
    charge = 0.2 + 0.1 + 0.01
    assert next(entry[1] for entry in entries if entry[0] in ("capture", "unpaid")) == pytest.approx(charge)
    assert await account(rig) == Account(available=round(left - charge * MICROS) if left else 0, held=0)


async def test_a_price_shows_its_parts_and_the_job_keeps_them(rig: Rig) -> None:
    table = {"by": "quality", "values": {"final": TOKENS}, "default": 0.05}
    async with rig.database.transaction() as tx:
        collection = await make_priced_collection(tx, table, generations=2)
        await tx.execute("UPDATE collection SET price = 0.1, blockchain = NULL WHERE id = %s", (collection.id,))
    path = f"/api/collections/{collection.id}/price"

    async def ask(**variables: str) -> dict[str, Any]:
        reply: httpx2.Response = await rig.client.post(
            path, json={"variables": variables}, headers=as_user(rig.user_id)
        )
        assert reply.status_code == 200, reply.text
        return dict(reply.json()["data"])

    flat, dear = await ask(), await ask(quality="final")
    assert [flat[name] for name in ("price", "least", "collection", "generations")] == [0.3, 0.3, 0.2, 2]
    assert [(step["why"], step["by"], step["value"], step["usage"]) for step in flat["steps"]] == [
        ("the default for quality", "quality", None, None)
    ] * 2
    assert [dear[name] for name in ("price", "least", "collection")] == [0.7, 0.22, 0.2]
    assert dear["steps"][1]["usage"] == TOKENS
    assert dear["steps"][1]["why"] == "quality is final: total_tokens at 0.000002 each, at least 0.01 and at most 0.25"
    job_id = await begun(rig, table, generations=2, quality="final")
    await rig.execute("UPDATE workflow SET data = data || '{\"credits\": 9}'")  # a job keeps the price it started with
    kept = (await rig.job(job_id))["price"]["steps"]
    assert [{name: step[name] for name in dear["steps"][0] if name != "name"} for step in kept] == [
        {name: value for name, value in step.items() if name != "name"} for step in dear["steps"]
    ]


async def test_a_free_job_has_no_price(rig: Rig) -> None:
    job_id = await rig.start()
    assert (await rig.job(job_id))["price"] is None
    await rig.run(picture_of())
    assert (await rig.job(job_id))["price"] is None
