"""News of running steps over HTTP: whatever is in them, leases are renewed."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx2
from fastapi import FastAPI
from structlog.testing import capture_logs
from tests.apps import served
from tests.gateway.rig import Side
from tests.queue.helpers import ids, lapse, make_ticket, reports

from emprops.queue.dispatch import Queue
from emprops.queue.messages import Claim, Preview
from emprops.queue.transport import Beat


async def test_news_that_is_refused_keeps_no_lease_from_being_renewed(queue: Queue, client: Any, side: Side) -> None:
    await queue.enqueue([make_ticket(f"s{n}", at=n) for n in range(7)])
    claims = await side.worker.claim(7)
    beats = [Beat(claim, 10.0, "painting") for claim in claims]
    beats[2] = replace(beats[2], preview=Preview(b"<html>", "text/html"))
    beats[5] = replace(beats[5], progress=1e9)
    await lapse(client, *ids(claims))
    with capture_logs() as logs:
        assert await side.beat(*beats) == set()
    assert (await queue.reclaim()).offered == 0
    told = [report.step_id for report in await reports(client) if report.kind == "progress"]
    assert sorted(told) == ["s0", "s1", "s3", "s4", "s6"]
    assert [line["step_id"] for line in logs if line["log_level"] == "warning"] == ["s2", "s5"]


async def test_a_claim_that_the_server_will_not_renew_is_lost_and_no_other(
    queue: Queue, client: Any, side: Side
) -> None:
    await queue.enqueue([make_ticket("s")])
    claim = await side.worker.claim_one()
    odd = Claim(make_ticket("no such name"), claim.token, 1)
    assert await side.beat(Beat(claim, 10.0), Beat(odd, 10.0)) == {"no such name"}


async def test_a_worker_of_another_make_may_send_broken_characters(
    queue: Queue, client: Any, side: Side, http: httpx2.AsyncClient, key: str
) -> None:
    """Written as JSON by a language that lets half a pair pass."""
    await queue.enqueue([make_ticket("s"), make_ticket("t", at=1)])
    s, t = await side.worker.claim(2)
    header = {"X-API-Key": key, "Content-Type": "application/json"}
    claims = [f'"step": "{claim.ticket.id}", "token": "{claim.token}"' for claim in (s, t)]
    beats = ", ".join(f'{{{claim}, "progress": 5, "message": "\\ud800\\u0000 x"}}' for claim in claims)
    body = f'{{"worker": "worker-1", "machine": "m", "beats": [{beats}]}}'
    answer = await http.post("/api/worker/beat", content=body, headers=header)
    assert answer.json()["data"] == {"lost": []}, answer.text
    ended = f'{claims[0]}, "run": 1, "finished": {{"data": {{"\\ud800": "\\ud83c\\udf0a\\u0000"}}}}'
    body = f'{{"worker": "worker-1", "request": "{"ab" * 16}", "want": 0, "offers": {{}}, "finished": [{{{ended}}}]}}'
    assert (await http.post("/api/worker/turn", content=body, headers=header)).status_code == 200
    assert [report.message for report in await reports(client) if report.kind == "progress"] == ["�� x"] * 2
    finished = (await reports(client, "s"))[-1].finished
    assert finished is not None
    assert finished.data == {"�": "🌊�"}
    infinite = body.replace("\\u0000", '", "n": NaN, "m": "')
    assert (await http.post("/api/worker/turn", content=infinite, headers=header)).status_code == 400


async def test_a_server_that_stops_answers_the_workers_that_wait(app: FastAPI, key: str) -> None:
    body = {"worker": "waiting", "machine": "m", "timeout": 10}
    async with httpx2.AsyncClient(timeout=20) as patient:
        async with served(app) as http:
            url = str(http.base_url.join("/api/worker/wait"))
            waiting = asyncio.create_task(patient.post(url, json=body, headers={"X-API-Key": key}))
            while not app.state.gateway._waits:
                assert not waiting.done(), waiting.result().text
                await asyncio.sleep(0.01)
        answer = await waiting
    assert (answer.status_code, answer.json()["data"]) == (200, {"wake": None})
