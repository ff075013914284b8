"""Complete outputs over HTTP, with the bodies of the document, and with files that jobs made."""

import asyncio
from typing import Any

import httpx2
import pytest
from tests import factories
from tests.apps import as_user
from tests.outputs.caller import COMPLETION, Caller, finish, generated, make_file

from emprops.kit.database import Database
from emprops.settings import Settings


async def test_complete_with_the_documents_body(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    made = await call.make(collection)
    await make_file(database, call.user, file_id=12345)
    done = await call("PATCH", f"/outputs/{made['id']}/complete", COMPLETION)
    assert {name: done[name] for name in ("id", "status", "url", "mime_type")} == {
        "id": made["id"],
        "status": "completed",
        "url": "https://cdn.example.com/file.mp4",
        "mime_type": "video/mp4",
    }
    assert (done["flat_file_id"], done["thumbnail_url"], done["output_metadata"]) == (12345, "https://...", {"seed": 7})
    again = await call("PATCH", f"/outputs/{made['id']}/complete", COMPLETION)
    assert again["completed_at"] == done["completed_at"]


async def test_completing_again_replaces_what_is_sent(call: Caller, collection: factories.Collection) -> None:
    path = f"/outputs/{(await call.make(collection))['id']}"
    await call("PATCH", f"{path}/fail", {"error_message": "Generation failed: timeout"})
    first = await call("PATCH", f"{path}/complete", {**COMPLETION, "flat_file_id": None})
    assert (first["error_message"], first["status"]) == (None, "completed")
    later = await call("PATCH", f"{path}/complete", {"url": "https://cdn.example.com/b.png?v=1.mp4"})
    assert (later["url"], later["mime_type"]) == ("https://cdn.example.com/b.png?v=1.mp4", "image/png")
    assert later["thumbnail_url"] is None
    assert later["output_metadata"] == {"seed": 7}
    assert later["completed_at"] == first["completed_at"]
    unknown = await call("PATCH", f"{path}/complete", {"url": "https://cdn.example.com/b"})
    assert unknown["mime_type"] is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"url": "javascript:alert(1)"}, 400),
        ({"url": "data:text/html,x"}, 400),
        ({"url": "http://"}, 400),
        ({"url": "http://[x"}, 400),
        ({"url": "https://a b"}, 400),
        ({"url": "generations/a.png"}, 400),
        ({"url": None}, 400),
        ({"thumbnail_url": "javascript:alert(1)"}, 400),
        ({"mime_type": "nonsense"}, 400),
        ({"flat_file_id": 0}, 400),
        ({"flat_file_id": 2**63}, 400),
        ({"flat_file_id": 99}, 404),
        ({"output_metadata": "x"}, 400),
    ],
)
async def test_completions_that_are_refused(
    call: Caller, collection: factories.Collection, fields: dict[str, Any], status: int
) -> None:
    made = await call.make(collection)
    body = {**COMPLETION, "flat_file_id": None, **fields}
    await call("PATCH", f"/outputs/{made['id']}/complete", body, status=status)
    assert (await call("GET", f"/outputs/{made['id']}"))["status"] == "pending"


async def test_a_file_of_ours_is_recognised_by_its_url(
    call: Caller, database: Database, settings: Settings, collection: factories.Collection
) -> None:
    key = "generations/a/b.png"
    file_id = await make_file(database, call.user, url=key, thumbnail_url="thumbnails/generations/a/b.png.webp")
    made = await call.make(collection)
    done = await call("PATCH", f"/outputs/{made['id']}/complete", {"url": f"{settings.base_url}/files/{key}"})
    assert (done["flat_file_id"], done["mime_type"]) == (file_id, "image/png")
    assert done["thumbnail_url"] == f"{settings.base_url}/files/thumbnails/generations/a/b.png.webp"
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM output_import") == 0
    contradiction = {"url": done["url"], "flat_file_id": await make_file(database, call.user)}
    assert "different files" in await call("PATCH", f"/outputs/{made['id']}/complete", contradiction, status=400)


async def test_a_foreign_file_is_not_taken(
    call: Caller, database: Database, settings: Settings, collection: factories.Collection
) -> None:
    async with database.transaction() as tx:
        other = await factories.make_user(tx)
    foreign = await make_file(database, other, url="generations/x/y.png")
    async with database.transaction() as tx:
        theirs = await factories.make_output(tx, user_id=other, status="completed", flat_file_id=foreign)
    made = await call.make(collection)
    path = f"/outputs/{made['id']}/complete"
    body = {"url": "https://cdn.example.com/a.png", "flat_file_id": foreign}
    assert "no file of yours" in await call("PATCH", path, body, status=404)
    done = await call("PATCH", path, {"url": f"{settings.base_url}/files/generations/x/y.png"})
    assert (done["status"], done["flat_file_id"]) == ("completed", None)
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT status FROM output WHERE id = %s", (theirs,)) == "completed"


@pytest.mark.parametrize("by", ["url", "flat_file_id"])
async def test_the_servers_output_gives_way_to_the_clients(
    call: Caller, database: Database, settings: Settings, collection: factories.Collection, by: str
) -> None:
    job, of_server = await generated(database, collection)
    file_id = await make_file(database, call.user, job_id=job.id)
    url = await finish(database, settings, job, file_id)
    made = await call.make(collection)
    assert (await call.deck(made["deck_id"]))["output_count"] == 2
    body = {"url": url} if by == "url" else {"url": "https://cdn.example.com/a.png", "flat_file_id": file_id}
    for _ in range(2):
        done = await call("PATCH", f"/outputs/{made['id']}/complete", body)
        assert done["flat_file_id"] == file_id
    deck = await call.deck(made["deck_id"])
    assert [output["id"] for output in deck["outputs"]] == [made["id"]]
    assert deck["output_count"] == 1
    assert (await call("GET", f"/outputs/{of_server}"))["status"] == "hidden"
    second = await call.make(collection)
    assert "shows this file already" in await call("PATCH", f"/outputs/{second['id']}/complete", body, status=409)


async def test_many_want_the_same_file_and_one_gets_it(
    client: httpx2.AsyncClient,
    call: Caller,
    database: Database,
    settings: Settings,
    collection: factories.Collection,
) -> None:
    job, of_server = await generated(database, collection)
    file_id = await make_file(database, call.user, job_id=job.id)
    made = [await call.make(collection) for _ in range(6)]
    wanted = {"url": "https://cdn.example.com/a.png", "flat_file_id": file_id}

    async def want(output_id: str) -> int:
        path = f"/outputs/{output_id}/complete"
        return (await client.patch(path, json=wanted, headers=as_user(call.user))).status_code

    _, *statuses = await asyncio.gather(
        finish(database, settings, job, file_id), *(want(output["id"]) for output in made)
    )
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]
    assert (await call("GET", f"/outputs/{of_server}"))["status"] == "hidden"


async def test_an_output_for_a_job_takes_the_place_of_the_servers(
    call: Caller, database: Database, settings: Settings, collection: factories.Collection
) -> None:
    job, of_server = await generated(database, collection)
    made = await call.make(collection, job_id=str(job.id), source="miniapp")
    deck = await call.deck(made["deck_id"])
    assert [output["id"] for output in deck["outputs"]] == [made["id"]]
    assert (await call("GET", f"/outputs/{of_server}"))["status"] == "hidden"
    file_id = await make_file(database, call.user, job_id=job.id)
    await finish(database, settings, job, file_id)
    done = await call("GET", f"/outputs/{made['id']}")
    assert (done["status"], done["flat_file_id"], done["source"]) == ("completed", file_id, "miniapp")


async def test_an_output_for_a_finished_job_takes_its_file_over(
    call: Caller, database: Database, settings: Settings, collection: factories.Collection
) -> None:
    job, of_server = await generated(database, collection)
    file_id = await make_file(database, call.user, job_id=job.id)
    async with database.transaction() as tx:
        await tx.execute("UPDATE job SET status = 'completed', completed_at = now() WHERE id = %s", (job.id,))
    url = await finish(database, settings, job, file_id)
    made = await call.make(collection, job_id=str(job.id))
    assert made["status"] == "pending"
    assert (await call("GET", f"/outputs/{of_server}"))["status"] == "completed"
    await call("PATCH", f"/outputs/{made['id']}/complete", {"url": url})
    assert (await call("GET", f"/outputs/{of_server}"))["status"] == "hidden"


async def test_outputs_of_several_generations(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    async with database.transaction() as tx:
        job = await factories.make_job(tx, collection=collection)
        await tx.execute("""UPDATE job SET data = data || '{"generations": [{}, {}]}' WHERE id = %s""", (job.id,))
    made = [await call.make(collection, job_id=str(job.id)) for _ in range(3)]
    async with database.reader() as reader:
        rows = await reader.fetch_dicts("SELECT id, generation FROM output WHERE job_id = %s", (job.id,))
    by_id = {str(row["id"]): row["generation"] for row in rows}
    assert [by_id[output["id"]] for output in made] == [0, 1, 0]
