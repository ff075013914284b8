"""Make, complete, fail, hide and move outputs over HTTP, with the bodies of the document."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from tests import factories
from tests.apps import as_user

from emprops.kit.database import Database
from emprops.outputs import job_results
from emprops.settings import Settings


@pytest.fixture
async def collection(database: Database) -> factories.Collection:
    async with database.transaction() as tx:
        return await factories.make_collection(tx, title="Veo Video Generator")


class Caller:
    """A user's requests."""

    def __init__(self, client: httpx2.AsyncClient, user: UUID) -> None:
        self.client, self.user = client, user

    async def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        response = await self.client.request(method, path, json=body, headers=as_user(self.user))
        assert response.status_code == status, response.text
        return response.json()["data"] if status < 300 else response.json()["error"]

    async def make(self, collection: factories.Collection, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self(
            "POST", "/outputs", {"collection_id": str(collection.id), **fields}, status=201
        )
        return made

    async def deck(self, deck_id: Any) -> dict[str, Any]:
        deck: dict[str, Any] = await self("GET", f"/decks/{deck_id}")
        return deck


@pytest.fixture
def call(client: httpx2.AsyncClient, collection: factories.Collection) -> Caller:
    return Caller(client, collection.user_id)


async def make_file(database: Database, user: UUID | None, *, file_id: int | None = None, **columns: Any) -> int:
    values = {"url": f"generations/{uuid4().hex}.png", "mime_type": "image/png", "user_id": user, **columns}
    if file_id is not None:
        values["id"] = file_id
    names = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    async with database.transaction() as tx:
        made: int = await tx.fetch_value(
            f"INSERT INTO flat_file ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks}) RETURNING id",
            list(values.values()),
        )
    return made


async def generated(database: Database, collection: factories.Collection) -> tuple[factories.Job, UUID]:
    """A job and the output that the server made for it."""
    async with database.transaction() as tx:
        job = await factories.make_job(tx, collection=collection, status="processing")
        (output,) = await job_results.open_for_job(
            tx,
            job_id=job.id,
            user_id=job.user_id,
            collection_id=collection.id,
            collection_title=collection.title,
            generations=1,
            source="direct_api",
            input_metadata={},
        )
    return job, output


async def finish(database: Database, settings: Settings, job: factories.Job, file_id: int) -> str:
    """End a job with a file; gives the file's URL."""
    async with database.transaction() as tx:
        key = await tx.fetch_value("SELECT url FROM flat_file WHERE id = %s", (file_id,))
        url = f"{settings.base_url}/files/{key}"
        file = job_results.FileRow(id=file_id, url=url, mime_type="image/png")
        await job_results.complete_for_job(tx, job.id, {0: [file]}, None)
    return url


# --- create


async def test_create_with_the_documents_body(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    deck_id = None
    async with database.transaction() as tx:
        job = await factories.make_job(tx, collection=collection)
        link = await factories.make_social_link(tx, "username")
        deck_id = await factories.make_deck(tx, collection, custodied_for=link)
    body = {
        "collection_id": str(collection.id),
        "job_id": str(job.id),
        "source": "miniapp",
        "input_metadata": {"prompt": "a quiet harbour"},
        "social_org": "farcaster",
        "social_identifier": "username",
        "deck_id": str(deck_id),
        "auto_create_deck": True,
    }
    made = await call("POST", "/outputs", body, status=201)
    assert {name: made[name] for name in ("collection_id", "deck_id", "job_id", "status", "source")} == {
        "collection_id": str(collection.id),
        "deck_id": str(deck_id),
        "job_id": str(job.id),
        "status": "pending",
        "source": "miniapp",
    }
    assert (made["is_custodial"], made["custodied_for"]) == (True, str(link))
    assert made["created_at"].endswith("Z")
    assert made["input_metadata"] == {"prompt": "a quiet harbour"}
    assert (await call.deck(deck_id))["output_count"] == 1


async def test_the_flow_of_the_document_makes_the_deck(call: Caller, collection: factories.Collection) -> None:
    social = {"source": "miniapp", "social_org": "farcaster", "social_identifier": "vitalik"}
    first, second = await call.make(collection, **social), await call.make(collection, **social)
    other, none = await call.make(collection), await call.make(collection, auto_create_deck=False)
    assert first["deck_id"] == second["deck_id"] != other["deck_id"]
    assert (none["deck_id"], none["deck"], none["position"], none["source"]) == (None, None, None, "unknown")
    deck = await call.deck(first["deck_id"])
    assert (deck["name"], deck["output_count"], deck["custodied_for"]) == (
        "Veo Video Generator",
        2,
        first["custodied_for"],
    )
    assert [(output["id"], output["position"]) for output in deck["outputs"]] == [(first["id"], 1), (second["id"], 2)]


async def test_two_first_outputs_at_once_share_one_deck(call: Caller, collection: factories.Collection) -> None:
    made = await asyncio.gather(*(call.make(collection) for _ in range(6)))
    assert len({output["deck_id"] for output in made}) == 1
    assert sorted(output["position"] for output in made) == [1, 2, 3, 4, 5, 6]


async def test_creating_again_with_the_key_creates_nothing(
    client: httpx2.AsyncClient, call: Caller, collection: factories.Collection
) -> None:
    headers = {**as_user(call.user), "Idempotency-Key": "tile-1"}
    body = {"collection_id": str(collection.id)}
    first, again = [await client.post("/outputs", json=body, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await call.deck(first.json()["data"]["deck_id"]))["output_count"] == 1


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"collection_id": str(uuid4())}, 404, "Collection not found"),
        ({"collection_id": None}, 400, "collection_id"),
        ({"source": "elsewhere"}, 400, "source"),
        ({"social_identifier": "vitalik"}, 400, "together"),
        ({"social_org": "myspace", "social_identifier": "tom"}, 400, "social_org"),
        ({"job_id": str(uuid4())}, 404, "Job not found"),
        ({"deck_id": str(uuid4())}, 404, "Deck not found"),
        ({"input_metadata": [1]}, 400, "input_metadata"),
    ],
)
async def test_outputs_that_cannot_be_made(
    call: Caller,
    database: Database,
    collection: factories.Collection,
    fields: dict[str, Any],
    status: int,
    sentence: str,
) -> None:
    assert sentence in await call("POST", "/outputs", {"collection_id": str(collection.id), **fields}, status=status)
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM output") == 0
        assert await reader.fetch_value("SELECT count(*) FROM deck") == 0


@pytest.mark.parametrize(
    ("status", "sentence"), [("locked", "The deck is locked"), ("archived", "The deck is archived")]
)
async def test_a_deck_that_takes_nothing(
    call: Caller, database: Database, collection: factories.Collection, status: str, sentence: str
) -> None:
    async with database.transaction() as tx:
        deck_id = await factories.make_deck(tx, collection, status=status)
        foreign = await factories.make_deck(tx, collection, await factories.make_user(tx))
        job = await factories.make_job(tx, call.user)
    body = {"collection_id": str(collection.id)}
    assert sentence in await call("POST", "/outputs", {**body, "deck_id": str(deck_id)}, status=400)
    assert "Deck not found" in await call("POST", "/outputs", {**body, "deck_id": str(foreign)}, status=404)
    assert "another collection" in await call("POST", "/outputs", {**body, "job_id": str(job.id)}, status=400)


# --- complete


COMPLETION = {
    "url": "https://cdn.example.com/file.mp4",
    "mime_type": "video/mp4",
    "thumbnail_url": "https://...",
    "flat_file_id": 12345,
    "output_metadata": {"seed": 7},
}


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


# --- an output for a job


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


# --- fail and hide


async def test_fail_with_the_documents_body(call: Caller, collection: factories.Collection) -> None:
    made = await call.make(collection)
    path, body = f"/outputs/{made['id']}/fail", {"error_message": "Generation failed: timeout"}
    for _ in range(2):
        failed = await call("PATCH", path, body)
        assert (failed["id"], failed["status"], failed["error_message"]) == (
            made["id"],
            "failed",
            body["error_message"],
        )
    for wrong in ({}, {"error_message": ""}, {"error_message": None}):
        assert "error_message" in await call("PATCH", path, wrong, status=400)
    await call("PATCH", f"/outputs/{made['id']}/complete", {"url": "https://cdn.example.com/a.png"})
    assert "completed" in await call("PATCH", path, body, status=400)


async def test_hide(call: Caller, collection: factories.Collection) -> None:
    made, other = await call.make(collection), await call.make(collection)
    deck_path = f"/decks/{made['deck_id']}"
    await call("PATCH", deck_path, {"cover_output_id": made["id"]})
    for _ in range(2):
        hidden = await call("DELETE", f"/outputs/{made['id']}")
        assert (hidden["id"], hidden["status"]) == (made["id"], "hidden")
    deck = await call.deck(made["deck_id"])
    assert ([output["id"] for output in deck["outputs"]], deck["output_count"]) == ([other["id"]], 1)
    assert deck["cover_output_id"] is None
    for method, action, body in [
        ("PATCH", "complete", {"url": "https://cdn.example.com/a.png"}),
        ("PATCH", "fail", {"error_message": "no"}),
        ("PATCH", "deck", {"deck_id": None}),
    ]:
        assert "hidden" in await call(method, f"/outputs/{made['id']}/{action}", body, status=400)


# --- move


async def test_move(call: Caller, database: Database, collection: factories.Collection) -> None:
    made, other = await call.make(collection), await call.make(collection)
    async with database.transaction() as tx:
        target = await factories.make_deck(tx, collection, name="Target")
    source, path = made["deck_id"], f"/outputs/{made['id']}/deck"
    await call("PATCH", f"/decks/{source}", {"cover_output_id": made["id"]})
    for _ in range(2):
        moved = await call("PATCH", path, {"deck_id": str(target)})
        assert (moved["id"], moved["deck_id"], moved["position"]) == (made["id"], str(target), 1)
    left, gained = await call.deck(source), await call.deck(target)
    assert ([output["id"] for output in left["outputs"]], left["output_count"]) == ([other["id"]], 1)
    assert left["cover_output_id"] is None
    assert ([output["id"] for output in gained["outputs"]], gained["output_count"]) == ([made["id"]], 1)
    out = await call("PATCH", path, {"deck_id": None})
    assert (out["deck_id"], out["position"]) == (None, None)
    assert (await call.deck(target))["output_count"] == 0
    assert (await call("PATCH", path, {"deck_id": source}))["position"] == 3
    assert "deck_id" in await call("PATCH", path, {}, status=400)
    assert "Deck not found" in await call("PATCH", path, {"deck_id": str(uuid4())}, status=404)


async def test_a_locked_deck_neither_gains_nor_loses(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    inside, outside = await call.make(collection), await call.make(collection, auto_create_deck=False)
    locked = inside["deck_id"]
    await call("POST", f"/decks/{locked}/lock")
    path = f"/outputs/{inside['id']}"
    assert "unlock" in await call("PATCH", f"{path}/deck", {"deck_id": None}, status=400)
    assert "locked" in await call("PATCH", f"/outputs/{outside['id']}/deck", {"deck_id": locked}, status=400)
    assert [output["id"] for output in (await call.deck(locked))["outputs"]] == [inside["id"]]
    assert (await call("PATCH", f"{path}/complete", COMPLETION | {"flat_file_id": None}))["status"] == "completed"
    await call("DELETE", path)
    assert (await call.deck(locked))["output_count"] == 0


async def test_a_lock_stands_between_additions_and_moves(
    client: httpx2.AsyncClient, call: Caller, database: Database, collection: factories.Collection
) -> None:
    """Whatever was answered 2xx is in the deck at the lock; what comes later changes nothing."""
    async with database.transaction() as tx:
        deck_id = await factories.make_deck(tx, collection)
        outside = [await factories.make_output(tx, collection) for _ in range(4)]
        inside = [await factories.make_output(tx, collection, deck_id=deck_id) for _ in range(4)]
    me, body = as_user(call.user), {"collection_id": str(collection.id), "deck_id": str(deck_id)}

    async def lock() -> int:
        reply = await client.post(f"/decks/{deck_id}/lock", headers=me)
        return int(reply.json()["data"]["output_count"])

    at_lock, *replies = await asyncio.gather(
        lock(),
        *(client.post("/outputs", json=body, headers=me) for _ in range(4)),
        *(client.patch(f"/outputs/{one}/deck", json={"deck_id": str(deck_id)}, headers=me) for one in outside),
        *(client.patch(f"/outputs/{one}/deck", json={"deck_id": None}, headers=me) for one in inside),
    )
    assert {reply.status_code for reply in replies} <= {200, 201, 400}
    added = sum(reply.is_success for reply in replies[:8])
    removed = sum(reply.is_success for reply in replies[8:])
    deck = await call.deck(deck_id)
    assert len(deck["outputs"]) == deck["output_count"] == at_lock == 4 + added - removed


async def test_a_deck_of_somebody_or_something_else(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    made = await call.make(collection)
    async with database.transaction() as tx:
        link = await factories.make_social_link(tx)
        held = await factories.make_deck(tx, collection, custodied_for=link)
        elsewhere = await factories.make_deck(tx, user_id=call.user)
        source = await factories.make_output(tx, collection, status="completed")
        developed = await factories.make_output(tx, collection, source_output_id=source)
    path = f"/outputs/{made['id']}/deck"
    assert "somebody else" in await call("PATCH", path, {"deck_id": str(held)}, status=400)
    assert "another collection" in await call("PATCH", path, {"deck_id": str(elsewhere)}, status=400)
    assert (await call("GET", f"/outputs/{made['id']}"))["deck_id"] == made["deck_id"]
    moved = await call("PATCH", f"/outputs/{developed}/deck", {"deck_id": str(elsewhere)})
    assert moved["deck_id"] == str(elsewhere)


async def test_moves_in_opposite_directions_and_hiding_do_not_block_each_other(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    async with database.transaction() as tx:
        decks = [await factories.make_deck(tx, collection) for _ in range(2)]
        outputs = [await factories.make_output(tx, collection, deck_id=decks[n % 2]) for n in range(8)]
    moves = [
        call("PATCH", f"/outputs/{output}/deck", {"deck_id": str(decks[1 - n % 2])}) for n, output in enumerate(outputs)
    ]
    orders = [call("PATCH", f"/decks/{deck}", {"name": "still here"}) for deck in decks]
    await asyncio.gather(*moves, *orders, call("DELETE", f"/outputs/{outputs[0]}"))
    counts = [await call.deck(deck) for deck in decks]
    assert sum(deck["output_count"] for deck in counts) == 7
    for deck in counts:
        assert deck["output_count"] == len(deck["outputs"])


# --- who


async def test_others_may_not(call: Caller, client: httpx2.AsyncClient, collection: factories.Collection) -> None:
    made = await call.make(collection)
    await call("POST", f"/decks/{made['deck_id']}/publish")
    stranger = Caller(client, uuid4())
    for method, action, body in [
        ("PATCH", "/complete", {"url": COMPLETION["url"]}),
        ("PATCH", "/fail", {"error_message": "no"}),
        ("PATCH", "/deck", {"deck_id": None}),
        ("DELETE", "", None),
    ]:
        assert await stranger(method, f"/outputs/{made['id']}{action}", body, status=404) == "Output not found"
        assert await stranger(method, f"/outputs/{uuid4()}{action}", body, status=404) == "Output not found"
    assert (await call("GET", f"/outputs/{made['id']}"))["status"] == "pending"
