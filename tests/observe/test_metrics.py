"""What ``/metrics`` and ``/queue`` tell, and whom."""

import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from tests.apps import api, as_user, client_of
from tests.engines import Engines
from tests.factories import make_webhook, make_webhook_event
from tests.orchestrator.rig import FAILED, Rig, picture
from tests.queue.helpers import PREFIX, make_ticket, with_models

from emprops.auth import store as auth
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.redis import connect
from emprops.kit.remembered import Remembered
from emprops.kit.telemetry.metrics import Bounded, served
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.settings import Settings, SettingsError
from emprops.worker.board import Board
from emprops.worker.lanes import Lanes
from emprops.worker.loop import WorkerLoop
from emprops.worker.metrics import LoopCollector
from emprops.worker.offers import Survey
from emprops.worker.presence import Presence

TOKEN = "8zQ4hT1vB7nX2kM5wR9cD3fG6jL0pS-metrics"
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Figures:
    """Each sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(figures: Figures, name: str, **labels: str) -> float:
    return figures.get((f"emprops_{name}", frozenset(labels.items())), 0.0)


async def scraped(client: httpx2.AsyncClient, **headers: str) -> Figures:
    response = await client.get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain")
    return parsed(response.text)


@pytest.fixture
def member(engines: Engines) -> Iterator[FleetMember]:
    with redis.Redis(unix_socket_path=engines.redis_socket) as blocking:
        yield FleetMember(blocking, PREFIX)


@asynccontextmanager
async def production(
    settings: Settings, database: Database, client: redis.asyncio.Redis, folder: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    changed = {"mode": "production", "jwt_secret": "u7Wq2ZkT9vN4xB6mR8cJ1hL3pF5sD0gY", "metrics_token": TOKEN}
    strict = Settings.model_validate({**settings.model_dump(), **changed})
    async with api(strict, database, client, folder) as app, client_of(app) as caller:
        yield caller


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


async def test_openmetrics_for_those_who_prefer_it(rig: Rig) -> None:
    response = await rig.client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


async def test_who_may_read_in_production(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    keys = {scope: make_key() for scope in ("service", "read", "worker", "owned")}
    owner = new_id()
    async with database.transaction() as tx:
        await auth.ensure_user(tx, owner)
        for scope, key in keys.items():
            await auth.add_key(
                tx,
                prefix=key.prefix,
                digest=key.digest,
                name=scope,
                scopes=["read" if scope == "owned" else scope],
                owner=owner if scope == "owned" else None,
                life=None,
            )
    async with production(settings, database, redis, tmp_path) as client:
        for path in ("/metrics", "/api/queue", "/api/queue/demand"):
            statuses = {
                scope: (await client.get(path, headers={"X-API-Key": key.text})).status_code
                for scope, key in keys.items()
            }
            assert statuses == {"service": 200, "read": 200, "worker": 403, "owned": 403}
            for token, status in ((TOKEN, 200), (TOKEN[:-1], 401), ("", 401)):
                assert (await client.get(path, headers={"authorization": f"Bearer {token}"})).status_code == status
        # it opens nothing else
        assert (await client.get("/api/jobs", headers={"authorization": f"Bearer {TOKEN}"})).status_code == 401


async def test_only_this_machine_may_read_without_a_key(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    reachable = settings.model_copy(update={"mode": "local", "host": "0.0.0.0", "allow_remote_local": True})
    async with api(reachable, database, redis, tmp_path) as app, client_of(app) as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers=as_user(new_id()))).status_code == 403


async def test_the_document_names_every_metric_and_no_other(rig: Rig) -> None:
    await rig.execute("INSERT INTO outbox (kind, key, payload) VALUES ('a', 'a:1', '{}')")
    text = (await rig.client.get("/metrics")).text
    nothing: Any = None
    loop = WorkerLoop(link=nothing, board=Board(), connectors={}, lanes=Lanes({}, shared=1), tools=nothing)
    presence = Presence(nothing, loop.board, loop, Survey({}, {"noop": "ok"}))
    families = [*text_string_to_metric_families(text), *LoopCollector(presence).collect()]
    shown = {f"{family.name}{'_total' if family.type == 'counter' else ''}" for family in families}
    page = (Path(__file__).parents[2] / "docs/14-monitoring.md").read_text()
    table = page.partition("## Metrics")[2].partition("### Alerts")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]
    documented = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert {f"emprops_{name}" for name in documented} == {name for name in shown if name.startswith("emprops_")}


def test_metrics_that_cannot_be_served_say_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="cannot be served"), served("127.0.0.1", taken.getsockname()[1]):
            pass


async def test_what_a_worker_says_for_those_who_watch_keeps_no_result_from_being_recorded(rig: Rig) -> None:
    job = await rig.start()
    claim = await rig.worker.claim_one()
    odd: Any = {"trace": 7}
    await rig.worker.finish(claim, replace(picture(), **odd))
    await rig.settle()
    assert (await rig.job(job))["status"] == "completed"


async def test_many_scrapers_cost_one_reading() -> None:
    now, reads = 0.0, 0

    async def read(source: str) -> str:
        nonlocal reads
        reads += 1
        if source == "broken":
            raise OSError
        return f"{source} {reads}"

    seen: Remembered[str, str] = Remembered(read, 2.0, clock=lambda: now)
    assert await seen.get("a") == "a 1"
    now = 1.9
    assert await seen.get("a") == "a 1"
    now = 2.0
    with pytest.raises(OSError):
        await seen.get("broken")
    assert await seen.get("a") == "a 3"


def test_a_label_takes_a_bounded_number_of_values() -> None:
    label = Bounded(2)
    assert [label(value) for value in ("a", "b", "c", "a", "b", "d")] == ["a", "b", "other", "a", "b", "other"]


async def test_a_late_report_is_counted(rig: Rig) -> None:
    queue = rig.dispatcher.queue
    await queue.enqueue([make_ticket("s")])
    claim = await rig.worker.claim_one()
    await queue.cancel([("s", 1)], "no longer wanted")
    assert not await rig.worker.finish(claim)
    assert figure(await scraped(rig.client), "queue_late_reports") == 1
