"""What else is on the audit log: services, sign-ins, custody; and how it is listed."""

import httpx2
import pytest
from tests import factories
from tests.apps import key_with, service_key
from tests.auth.test_roles import token
from tests.operators.people import ANNA, OLGA, audit, job_of

from emprops.audit.chaining import chain_entries
from emprops.auth import foreign, role_store
from emprops.auth.caller import Caller
from emprops.kit.database import Database
from emprops.kit.ids import new_id


async def test_what_a_service_does_to_users_things_is_recorded(client: httpx2.AsyncClient, database: Database) -> None:
    job, service = await job_of(database, ANNA, status="processing"), await service_key(database)
    for _ in range(3):
        assert (await client.get(f"/api/jobs/{job.id}", headers=service)).status_code == 200
    for_anna = service | {"user_id": str(ANNA)}
    assert (await client.get(f"/api/jobs/{job.id}", headers=for_anna)).status_code == 200
    failed = await client.post(f"/api/jobs/{job.id}/failed", json={"error_message": "secret words"}, headers=service)
    assert failed.status_code == 200
    assert (await client.post(f"/api/jobs/{job.id}/retry", headers=for_anna)).status_code in (200, 400)
    entries = await audit(client, user_id=str(ANNA))
    assert [one["action"] for one in reversed(entries)] == [
        "foreign.read",  # once a day, not for each look
        "user.signed_in",  # of the key for Anna
        "job.reported_failed",
    ]
    assert "secret words" not in str(entries)
    assert all(one["actor"].startswith("key:emp_") for one in entries)


async def test_a_sign_in_is_recorded_once_a_day(client: httpx2.AsyncClient, database: Database) -> None:
    for _ in range(2):
        await client.get("/me", headers=token(ANNA))
    await client.get("/me", headers=token(ANNA) | {"Authorization": "Bearer x.y.z"})
    hello = {"worker": "gpu-1", "protocol": 1}
    assert (await client.post("/worker/hello", json=hello, headers=await key_with("worker", database))).is_success
    found = await audit(client, action="user.signed_in")
    assert sorted(one["actor"].partition(":")[0] for one in found) == ["key", "user", "user"]  # Anna and Olga
    async with database.transaction() as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute("UPDATE audit_entry SET at = at - interval '1 day'")
    app = client._transport.app  # type: ignore[attr-defined]
    app.state.authenticator._credentials._sign_ins._day = "yesterday"
    await client.get("/me", headers=token(ANNA))
    assert len(await audit(client, action="user.signed_in", actor=f"user:{ANNA}")) == 2


async def test_the_log_is_listed_by_pages_and_filters(client: httpx2.AsyncClient, database: Database) -> None:
    for number in range(3):
        await client.post("/keys", json={"name": f"{number}", "scopes": ["read"]}, headers=token(OLGA))
    first = await audit(client, action="key.created", limit=2)
    second = await audit(client, action="key.created", limit=2, offset=2)
    assert (len(first), len(second)) == (2, 1)
    assert int(first[0]["id"]) > int(first[1]["id"]) > int(second[0]["id"])
    assert first[0]["position"] is None
    await chain_entries(database)
    assert (await audit(client, action="key.created", limit=1))[0]["position"] == 4  # after Olga's sign-in
    assert await audit(client, action="key") == []
    assert await audit(client, action="key.%") == []
    assert len(await audit(client, since=first[0]["at"])) == 1
    assert len(await audit(client, action="key.", until=first[0]["at"])) == 2
    assert await audit(client, actor=f"user:{ANNA}") == []


async def test_changes_by_services_are_recorded_and_owners_are_not(
    client: httpx2.AsyncClient, database: Database
) -> None:
    async with database.transaction() as tx:
        anna = await factories.make_user(tx, ANNA)
        await role_store.grant(tx, anna, "author", by="cli")
        collection = await factories.make_collection(tx, anna)
        deck = await factories.make_deck(tx, collection)
        output = await factories.make_output(tx, collection, deck_id=deck, status="completed")
        workflow = await factories.make_workflow(tx, anna)
        webhook = await factories.make_webhook(tx, anna)
    requests = [
        ("PATCH", f"/api/collections/{collection.id}", {"title": "New"}, f"collection:{collection.id}"),
        ("PATCH", f"/api/projects/{collection.project_id}", {"name": "New"}, f"project:{collection.project_id}"),
        ("PATCH", f"/decks/{deck}", {"name": "New"}, f"deck:{deck}"),
        ("POST", f"/decks/{deck}/lock", None, f"deck:{deck}"),
        ("DELETE", f"/outputs/{output}", None, f"output:{output}"),
        ("PATCH", f"/api/workflows/{workflow}", {"label": "New"}, f"workflow:{workflow}"),
        ("PATCH", f"/api/webhooks/{webhook}", {"description": "New"}, f"webhook:{webhook}"),
    ]
    service = await service_key(database)
    for headers in (token(ANNA), service | {"user_id": str(ANNA)}):
        for method, path, body, _ in requests:
            reply = await client.request(method, path, json=body, headers=headers)
            assert reply.status_code == 200, reply.text
    assert await audit(client, action="foreign.changed") == []
    for method, path, body, _ in requests:
        assert (await client.request(method, path, json=body, headers=service)).status_code == 200
    entries = await audit(client, action="foreign.changed")
    assert [one["target"] for one in reversed(entries)] == [target for *_, target in requests]
    assert {one["user_id"] for one in entries} == {str(ANNA)}


async def test_a_transfer_of_custody_is_recorded_once(client: httpx2.AsyncClient, database: Database) -> None:
    service = await service_key(database)
    body = {"social_org": "farcaster", "social_identifier": "harbour", "user_id": str(ANNA)}
    for _ in range(2):
        assert (await client.post("/api/social-links/transfer", json=body, headers=service)).status_code == 200
    [entry] = await audit(client, action="custody.")
    assert entry["details"] == {"moved": {"collections": 0, "decks": 0, "outputs": 0}}
    assert entry["user_id"] == str(ANNA)


async def test_a_look_that_is_rolled_back_is_recorded_by_the_next_one(database: Database) -> None:
    service = Caller(user_id=None, is_service=True, key_id=new_id(), key_prefix="abcd1234")

    async def look(*, fail: bool) -> None:
        async with database.transaction() as tx:
            await foreign.note_service(tx, service, ANNA)
            if fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        await look(fail=True)
    for _ in range(2):
        await look(fail=False)
    async with database.reader() as reader:
        assert await reader.fetch_values("SELECT target FROM audit_entry") == [f"user:{ANNA}"]
