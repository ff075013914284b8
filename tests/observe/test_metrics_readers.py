"""Who may read ``/metrics``, and what reading costs."""

import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from prometheus_client.parser import text_string_to_metric_families
from tests.apps import api, as_user, client_of
from tests.observe.rig import TOKEN, production
from tests.orchestrator.rig import Rig, picture

from emprops.auth import store as auth
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.remembered import Remembered
from emprops.kit.telemetry.metrics import Bounded, served
from emprops.settings import Settings, SettingsError
from emprops.worker.board import Board
from emprops.worker.lanes import Lanes
from emprops.worker.loop import WorkerLoop
from emprops.worker.metrics import LoopCollector
from emprops.worker.offers import Survey
from emprops.worker.presence import Presence


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
