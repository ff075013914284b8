"""What ``/metrics`` and ``/queue`` say."""

from pathlib import Path
from typing import Any

import redis.asyncio
from structlog.testing import capture_logs
from tests.apps import api, client_of
from tests.engines import Engines
from tests.factories import make_webhook, make_webhook_event
from tests.observe.rig import TOKEN, figure, production, scraped
from tests.orchestrator.rig import FAILED, Rig, picture
from tests.queue.helpers import make_ticket, with_models

from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.type_limits import TypeLimits, show_limits
from emprops.settings import Settings


async def test_what_happens_is_counted(rig: Rig) -> None:
    before = await scraped(rig.client)
    completed, _ = await rig.start(), await rig.start()
    await rig.run(picture("a"))
    await rig.run(FAILED)
    cancelled = await rig.start()
    await rig.ok(cancelled, "cancel")
    assert (await rig.job(completed))["status"] == "completed"
    after = await scraped(rig.client)

    def rise(name: str, **labels: str) -> float:
        return figure(after, name, **labels) - figure(before, name, **labels)

    assert rise("jobs_started_total", kind="collection_generation") == 3
    assert [rise("jobs_ended_total", status=end) for end in ("completed", "failed", "cancelled")] == [1, 1, 1]
    kinds = ("started", "completed", "failed", "lost")
    assert [rise("step_reports_total", kind=kind, job_type="noop") for kind in kinds] == [2, 1, 1, 0]
    assert rise("step_wait_seconds_count", job_type="noop") == 2
    assert [rise("step_run_seconds_count", job_type="noop", outcome=end) for end in ("completed", "final")] == [1, 1]
    assert rise("tickets_sent_total", answer="new") == 3
    route = "/collections/{collection_id}/generate"
    assert rise("http_requests_total", method="POST", route=route, status="200") == 3
    assert rise("http_request_seconds_count", method="POST", route=route) == 3
    assert not any(str(completed) in str(labels) for _, labels in after), "an id became a label"


async def test_requests_to_nowhere_share_one_label(rig: Rig) -> None:
    before = await scraped(rig.client)
    for n in range(3):
        await rig.client.get(f"/nothing-{n}")
    await rig.client.request("BREW", "/health")
    after = await scraped(rig.client)
    labels = {"method": "GET", "route": "none", "status": "404"}
    assert figure(after, "http_requests_total", **labels) - figure(before, "http_requests_total", **labels) == 3
    assert not any("nothing-" in str(labels) or "BREW" in str(labels) for _, labels in after)


async def test_the_queue_and_the_fleet_are_shown(rig: Rig, member: FleetMember) -> None:
    queue = rig.dispatcher.queue
    await queue.enqueue([make_ticket(f"x{n}", at=n, models=["x"]) for n in range(3)])
    await queue.enqueue([make_ticket("y", models=["y", "z"])])
    member.announce(WorkerInfo("w", "m", "busy", with_models("x"), 2, ("x0",)))
    member.announce(WorkerInfo("d", "m", "draining", with_models("x"), 4))
    rig.worker.offers = with_models("x")
    await rig.worker.claim_one()
    found = await scraped(rig.client)
    x, y = {"job_type": "noop", "models": "x"}, {"job_type": "noop", "models": "y,z"}
    names = ("waiting", "running", "workers", "free_slots", "wanted_workers")
    assert [figure(found, f"queue_{name}", **x) for name in names] == [2, 1, 1, 1, 2]
    assert [figure(found, f"queue_{name}", **y) for name in names] == [1, 0, 0, 0, 1]
    assert figure(found, "queue_claimed") == 1
    assert (figure(found, "redis_up"), figure(found, "postgresql_up")) == (1, 1)
    [(labels, _)] = [(dict(labels), v) for (name, labels), v in found.items() if name == "emprops_worker_slots"]
    assert labels["job_types"] == "noop"
    states = {state: figure(found, "workers", status=state, **labels) for state in ("idle", "busy", "draining")}
    assert states == {"idle": 0, "busy": 1, "draining": 1}
    assert figure(found, "worker_slots", **labels) == 6

    shown = (await rig.client.get("/api/queue")).json()["data"]
    assert (shown["waiting"], shown["running"], shown["wanted_workers"]) == (3, 1, 2)
    assert [one["models"] for one in shown["requirements"]] == [["x"], ["y", "z"]]


async def test_the_demand_for_one_capability_is_one_number(rig: Rig, member: FleetMember) -> None:
    queue = rig.dispatcher.queue
    await queue.enqueue([make_ticket(f"x{n}", models=["x"]) for n in range(5)])
    await queue.enqueue([make_ticket("y", models=["y"]), make_ticket("z", job_type="other")])
    member.announce(WorkerInfo("w", "m", "idle", with_models("x"), 2))

    async def demand(query: str) -> dict[str, Any]:
        response = await rig.client.get(f"/api/queue/demand?{query}")
        assert response.status_code == 200, response.text
        return dict(response.json()["data"])

    one = await demand("job_type=noop&model=x")
    assert (one["waiting"], one["workers"], one["free_slots"], one["wanted_workers"]) == (5, 1, 2, 3)
    assert (await demand("job_type=noop"))["waiting"] == 6
    nobody = await demand("job_type=noop&model=y")
    assert (nobody["workers"], nobody["wanted_workers"]) == (0, 1)
    assert (await demand("job_type=nothing"))["wanted_workers"] == 0
    assert len((await demand(""))["requirements"]) == 3
    assert (await rig.client.get("/api/queue/demand?job_type=")).status_code == 400


async def test_the_demand_leaves_out_what_may_not_run_and_says_so(rig: Rig, member: FleetMember) -> None:
    queue = rig.dispatcher.queue
    await show_limits(queue.redis, queue.prefix, {"paid": TypeLimits(concurrency=6), "slow": TypeLimits(per_minute=2)})
    await queue.show_held_back({"noop": 700, "paid": 30})
    await queue.enqueue([make_ticket(f"x{n}", job_type="paid", models=["x"]) for n in range(4)])
    await queue.enqueue([make_ticket(f"y{n}", job_type="paid", models=["y"]) for n in range(40)])
    await queue.enqueue([make_ticket(f"z{n}", job_type="slow") for n in range(5)])

    async def demand(query: str) -> tuple[int, int, int, int]:
        found = (await rig.client.get(f"/api/queue/demand?{query}")).json()["data"]
        return found["waiting"], found["limited"], found["held_back"], found["wanted_workers"]

    assert await demand("job_type=paid") == (44, 38, 30, 6)
    assert await demand("job_type=slow") == (5, 3, 0, 2)
    assert await demand("") == (49, 41, 730, 8)
    found = await scraped(rig.client)
    assert figure(found, "queue_held_back", job_type="noop") == 700
    assert figure(found, "queue_limited", job_type="slow", models="") == 3
    shown = (await rig.client.get("/api/queue")).json()["data"]
    assert (shown["limited"], shown["held_back"]) == (41, 730)


async def test_five_hundred_requirements_make_a_bounded_number_of_series(rig: Rig) -> None:
    tickets = [make_ticket(f"s{n}", models=[f"model-{n}"]) for n in range(500)]
    await rig.dispatcher.queue.enqueue([*tickets, make_ticket("more", at=1, models=["model-7"])])
    found = await scraped(rig.client)
    waiting = {labels: value for (name, labels), value in found.items() if name == "emprops_queue_waiting"}
    assert len(waiting) == 51
    assert sum(waiting.values()) == 501
    assert waiting[frozenset({("job_type", "noop"), ("models", "model-7")})] == 2
    assert waiting[frozenset({("job_type", "other"), ("models", "other")})] == 450
    assert len((await rig.client.get("/api/queue")).json()["data"]["requirements"]) == 200


async def test_an_outage_is_a_figure_and_not_a_failure(
    settings: Settings, database: Database, tmp_path: Path, engines: Engines
) -> None:
    async with (
        connect(settings.redis_url) as client,
        api(settings, database, client, tmp_path) as app,
        client_of(app) as caller,
    ):
        engines.kill_redis()
        with capture_logs():
            found = await scraped(caller)
            assert (await caller.get("/api/queue/demand")).status_code == 503
    assert (figure(found, "redis_up"), figure(found, "postgresql_up")) == (0, 1)
    assert not any(name == "emprops_queue_waiting" for name, _ in found)
    assert ("emprops_streams_open", frozenset()) in found


async def test_postgresql_may_be_away_too(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, engines: Engines
) -> None:
    async with production(settings, database, redis, tmp_path) as client:
        engines.kill_postgres()
        with capture_logs():
            found = await scraped(client, authorization=f"Bearer {TOKEN}")
        assert (figure(found, "redis_up"), figure(found, "postgresql_up")) == (1, 0)


async def test_the_outbox_and_late_steps_are_shown(rig: Rig) -> None:
    await rig.execute(
        "INSERT INTO outbox (kind, key, payload, created_at) VALUES ('a', 'a:1', '{}', now() - '1h'::interval)"
    )
    await rig.execute("INSERT INTO outbox (kind, key, payload, given_up_at) VALUES ('a', 'a:2', '{}', now())")
    job = await rig.start(send=False)
    await rig.execute(
        "UPDATE step SET created_at = now() - '5m'::interval, updated_at = now() - '4m'::interval WHERE job_id = %s",
        job,
    )
    found = await scraped(rig.client)
    assert (figure(found, "outbox_waiting", kind="a"), figure(found, "outbox_given_up", kind="a")) == (1, 1)
    assert 3600 <= figure(found, "outbox_oldest_seconds", kind="a") < 3660
    assert 300 <= figure(found, "steps_oldest_unsent_seconds") < 330
    assert 240 <= figure(found, "steps_oldest_silence_seconds") < 270


async def test_deliveries_that_should_have_left_are_shown(rig: Rig, database: Database) -> None:
    async with database.transaction() as tx:
        late, paused, disabled = [await make_webhook(tx, url=f"https://example.com/{n}") for n in range(3)]
        await make_webhook_event(tx, late, paused, disabled)
    await rig.execute("UPDATE webhook_delivery SET next_at = now() - '20 min'::interval")
    await rig.execute("UPDATE webhook_endpoint SET open_until = now() + '1h'::interval WHERE id = %s", paused)
    gone = "UPDATE webhook_endpoint SET disabled_at = now(), disabled_reason = '' WHERE id = %s"
    await rig.execute(gone, disabled)
    found = await scraped(rig.client)
    assert figure(found, "webhooks_waiting") == 2
    assert 1200 <= figure(found, "webhooks_overdue_seconds") < 1230


async def test_a_late_report_is_counted(rig: Rig) -> None:
    queue = rig.dispatcher.queue
    await queue.enqueue([make_ticket("s")])
    claim = await rig.worker.claim_one()
    await queue.cancel([("s", 1)], "no longer wanted")
    assert not await rig.worker.finish(claim)
    assert figure(await scraped(rig.client), "queue_late_reports") == 1
