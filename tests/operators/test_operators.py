"""What operators do to what belongs to others, and what the audit log says of it."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests import factories
from tests.apps import as_user, client_of, key_with
from tests.auth.test_roles import token
from tests.operators.people import ANNA, BERT, OLGA, audit, job_of
from tests.rules.asking import connect

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.main import create_app
from emprops.settings import Settings


async def test_an_operator_cancels_a_foreign_job_by_the_operators_route_only(
    client: httpx2.AsyncClient, database: Database
) -> None:
    job = await job_of(database, ANNA, status="processing")
    for path in ("", "/history", "/forensics"):
        assert (await client.get(f"/api/jobs/{job.id}{path}", headers=token(OLGA))).status_code == 404
    assert (await client.post(f"/api/jobs/{job.id}/cancel", headers=token(OLGA))).status_code == 404
    assert await audit(client, action="foreign.") == []
    cancelled = await client.post(f"/operator/jobs/{job.id}/cancel", headers=token(OLGA))
    assert cancelled.json()["data"]["error_message"] == "Cancelled"
    [entry] = await audit(client, action="foreign.")
    assert entry["actor"] == f"user:{OLGA}"
    assert (entry["target"], entry["user_id"]) == (f"job:{job.id}", str(ANNA))
    assert (entry["action"], entry["details"]) == ("foreign.changed", {"what": "cancel"})
    assert entry["request_id"] == cancelled.headers["x-request-id"]


async def test_what_is_refused_is_not_recorded(client: httpx2.AsyncClient, database: Database) -> None:
    done = await job_of(database, ANNA, status="completed")
    assert (await client.post(f"/operator/jobs/{done.id}/cancel", headers=token(OLGA))).status_code == 400
    assert (await client.post(f"/operator/jobs/{new_id()}/cancel", headers=token(OLGA))).status_code == 404
    assert (await client.post(f"/operator/jobs/{done.id}/cancel", headers=token(BERT))).status_code == 403
    assert await audit(client, action="foreign.") == []


async def test_an_operator_lists_everybodys_jobs_by_what_they_are(
    client: httpx2.AsyncClient, database: Database
) -> None:
    annas = await job_of(database, ANNA, status="failed")
    berts = await job_of(database, BERT, status="completed")
    async with database.transaction() as tx:
        await tx.execute("UPDATE job SET job_type = 'workflow_import' WHERE id = %s", (berts.id,))

    async def listed(**filters: Any) -> set[str]:
        reply = await client.get("/operator/jobs", params=filters, headers=token(OLGA))
        assert reply.status_code == 200, reply.text
        return {one["id"] for one in reply.json()["data"]}

    assert await listed() == {str(annas.id), str(berts.id)}
    assert await listed(user_id=ANNA) == {str(annas.id)}
    assert await listed(status="completed") == {str(berts.id)}
    assert await listed(job_type="workflow_import") == {str(berts.id)}
    assert await listed(user_id=BERT, status="failed") == set()
    entries = await audit(client, action="foreign.read", user_id=str(ANNA))
    assert [one["details"] for one in entries] == [{"what": "list"}]


async def test_one_job_shows_its_owner_history_and_steps(client: httpx2.AsyncClient, database: Database) -> None:
    job = await job_of(database, ANNA, status="failed", error_message="it broke")
    shown = (await client.get(f"/operator/jobs/{job.id}", headers=token(OLGA))).json()["data"]
    assert shown["user_id"] == str(ANNA)
    assert {"history", "steps", "retry_backups", "attestations", "payload"} <= shown.keys()


async def test_an_operator_hides_an_output(client: httpx2.AsyncClient, database: Database) -> None:
    job = await job_of(database, ANNA, status="completed")
    async with database.transaction() as tx:
        output = await factories.make_output(tx, job.collection, job=job, status="completed")
    assert (await client.delete(f"/outputs/{output}", headers=token(OLGA))).status_code == 404
    hidden = await client.post(f"/operator/outputs/{output}/hide", headers=token(OLGA))
    assert (hidden.json()["data"]["status"], hidden.json()["data"]["user_id"]) == ("hidden", str(ANNA))
    seen = await client.get(f"/operator/outputs/{output}", headers=token(OLGA))
    assert seen.json()["data"]["status"] == "hidden"
    whats = [one["details"]["what"] for one in await audit(client, target=f"output:{output}")]
    assert whats == ["read", "hide"]


async def test_a_users_summary(client: httpx2.AsyncClient, database: Database) -> None:
    await job_of(database, ANNA, status="processing")
    await client.post("/credits/grant", json={"user_id": str(ANNA), "amount": 12.5}, headers=token(OLGA))
    await client.put(f"/users/{ANNA}/roles/author", headers=token(OLGA))
    shown = (await client.get(f"/operator/users/{ANNA}", headers=token(OLGA))).json()["data"]
    assert (shown["open_jobs"], shown["credits"]["available"]) == (1, 12.5)
    assert [(one["role"], one["granted_by"]) for one in shown["roles"]] == [("author", str(OLGA))]
    assert (await client.get(f"/operator/users/{new_id()}", headers=token(OLGA))).status_code == 404
    actions = [one["action"] for one in await audit(client, user_id=str(ANNA))]
    assert actions == ["foreign.read", "role.granted", "credits.granted"]


async def test_operators_make_keys_and_the_log_says_what_these_may(
    client: httpx2.AsyncClient, database: Database
) -> None:
    made = await client.post("/keys", json={"name": "app", "scopes": ["service"]}, headers=token(OLGA))
    assert made.status_code == 201
    key = made.json()["data"]
    assert (await client.get("/me", headers={"X-API-Key": key["key"]})).json()["data"]["scopes"] == ["service"]
    listed = (await client.get("/keys", headers=token(OLGA))).json()["data"]
    assert [one["prefix"] for one in listed] == [key["prefix"]]
    assert "key" not in listed[0]
    gone = await client.delete(f"/keys/{key['prefix']}", headers=token(OLGA))
    assert gone.json()["data"]["state"] == "revoked"
    assert (await client.delete(f"/keys/{key['prefix']}", headers=token(OLGA))).json() == gone.json()
    assert (await client.delete("/keys/emp_aaaaaaaa", headers=token(OLGA))).status_code == 404
    revoked, created = await audit(client, action="key.")
    assert (revoked["action"], created["action"]) == ("key.revoked", "key.created")
    assert created["details"]["more_than_an_operator"] is True
    assert key["key"] not in str(await audit(client))
    await client.post("/keys", json={"name": "gpu", "scopes": ["worker"]}, headers=token(OLGA))
    assert (await audit(client, action="key.created"))[0]["details"]["more_than_an_operator"] is False


async def test_an_operator_may_come_by_token_and_is_author_and_viewer_too(client: httpx2.AsyncClient) -> None:
    operator = token(BERT, roles=["operator"])
    assert (await client.get("/me", headers=operator)).json()["data"]["roles"] == ["author", "operator", "viewer"]
    assert (await client.post("/api/workers/pause", headers=operator)).status_code == 200
    assert (await client.get("/metrics", headers=operator)).status_code == 200
    assert (await client.post("/api/projects", json={"name": "Harbours"}, headers=operator)).status_code == 201
    assert (await client.get("/operator/jobs", headers=token(BERT, roles=["author"]))).status_code == 403
    viewer = token(BERT, roles=["viewer"])
    assert (await client.get("/operator/jobs", headers=viewer)).status_code == 200
    assert (await client.post("/api/workers/resume", headers=viewer)).status_code == 403


async def test_an_operator_does_not_speak_for_users(client: httpx2.AsyncClient, database: Database) -> None:
    job = await job_of(database, ANNA, status="processing")
    as_anna = token(OLGA) | {"user_id": str(ANNA)}
    assert (await client.get("/me", headers=as_anna)).json()["data"]["user_id"] == str(OLGA)
    assert (await client.get("/api/jobs", headers=as_anna)).json()["data"] == []
    failed = await client.post(f"/api/jobs/{job.id}/failed", json={"error_message": "x"}, headers=as_anna)
    assert failed.status_code == 401


async def test_a_revoked_operator_is_none_with_the_next_request(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/operator/jobs", headers=token(OLGA))).status_code == 200
    assert (await client.delete(f"/users/{OLGA}/roles/operator", headers=token(OLGA))).status_code == 200
    assert (await client.get("/operator/jobs", headers=token(OLGA))).status_code == 403


async def test_an_operator_watches_everything_by_a_ticket(client: httpx2.AsyncClient) -> None:
    """The roles of a token go with the ticket that it was exchanged for."""
    operator = token(BERT, roles=["operator"])
    ticket = (await client.post("/ws/ticket", headers=operator)).json()["data"]["ticket"]
    opened = await connect(client, f"/ws/monitor/desk?ticket={ticket}", {})
    assert opened.status_code == 101
    [entry] = await audit(client, action="foreign.read")
    assert (entry["actor"], entry["details"]) == (f"user:{BERT}", {"what": "monitor"})
    ticket = (await client.post("/ws/ticket", headers=token(ANNA))).json()["data"]["ticket"]
    assert (await connect(client, f"/ws/monitor/desk?ticket={ticket}", {})).status_code == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [({}, 200), ({"allow_remote_local": True}, 403), ({"host": "0.0.0.0", "allow_remote_local": True}, 403)],
)
async def test_who_sits_at_the_machine_is_an_operator(
    changes: dict[str, Any], status: int, settings: Settings, database: Database, tmp_path: Path
) -> None:
    urls = {"database_url": settings.database_url, "redis_url": settings.redis_url, "data_dir": tmp_path}
    app = create_app(Settings(mode="local", upkeep_in_api=False, **urls, **changes))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/audit", headers=as_user(ANNA))).status_code == status
        assert (await client.post("/api/workers/pause", headers=as_user(ANNA))).status_code == status
        assert (await client.get("/audit")).status_code == 401
        assert (await client.get("/audit", headers=await key_with("worker", database))).status_code == 403
