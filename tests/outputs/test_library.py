"""A user's list over all collections: its filters, its parts, what a tile shows, and that it costs the same at size."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from psycopg.types.json import Jsonb
from tests.apps import as_user
from tests.factories import make_collection, make_deck, make_job, make_output, make_user
from tests.outputs.caller import make_file
from tests.plans import Explaining, gather

from emprops.errors import BadRequestError
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.kit.web import cursors
from emprops.kit.web.cursors import Seek, cursor_of, place_in
from emprops.kit.web.paging import Page
from emprops.outputs.library_queries import LibraryFilter, count_library, library_of

DAY = datetime(2026, 1, 10, tzinfo=UTC)


class Library:
    """A user's list."""

    def __init__(self, client: httpx2.AsyncClient, user: UUID) -> None:
        self.client, self.user = client, user

    async def ask(self, *, answers: int = 200, **params: Any) -> dict[str, Any]:
        reply = await self.client.get("/outputs", params=params, headers=as_user(self.user))
        assert reply.status_code == answers, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    async def ids(self, **params: Any) -> list[str]:
        return [item["id"] for item in (await self.ask(**params))["data"]]


@pytest.fixture
async def library(client: httpx2.AsyncClient, database: Database) -> Library:
    async with database.transaction() as tx:
        return Library(client, await make_user(tx))


async def made_at(tx: Transaction, output: UUID, at: datetime) -> None:
    await tx.execute("UPDATE output SET created_at = %s WHERE id = %s", (at, output))


async def test_a_tile_has_all_it_shows(library: Library, database: Database) -> None:
    file = await make_file(database, library.user, width=640, height=480, duration=2.5)
    async with database.transaction() as tx:
        collection = await make_collection(tx, title="Quiet Harbours")
        await tx.execute("UPDATE collection SET slug = 'harbours' WHERE id = %s", (collection.id,))
        job = await make_job(tx, library.user, collection=collection, status="processing")
        await tx.execute(
            "UPDATE job SET progress = 40, data = data || %s WHERE id = %s",
            (Jsonb({"generations": [{"variables": {"prompt": "a red fox " * 100, "seed": 2**64 - 1}}]}), job.id),
        )
        deck = await make_deck(tx, collection, library.user, name="Foxes")
        done = await make_output(tx, job=job, deck_id=deck, status="completed", flat_file_id=file)
        running = await make_output(tx, job=job, status="processing", generation=0)
    first, second = (await library.ask())["data"]
    assert (first["id"], second["id"]) == (str(running), str(done))
    assert (first["progress"], second["progress"]) == (40, None)
    assert second["collection"] == {"id": str(collection.id), "title": "Quiet Harbours", "slug": "harbours"}
    assert second["deck"] == {"id": str(deck), "name": "Foxes"}
    assert (second["width"], second["height"], second["duration"]) == (640, 480, 2.5)
    assert second["prompt"] == ("a red fox " * 100)[:300]
    assert second["seed"] == 2**64 - 1, "exact"
    assert (second["starred"], second["tags"], second["job_id"]) == (False, [], str(job.id))


@pytest.mark.parametrize(
    ("metadata", "prompt", "seed"),
    [
        ({"variables": {"prompt": "a fox", "longer": "what is longer than that", "seed": 7}}, "a fox", 7),
        ({"variables": {"negative_prompt": "ugly, and many more words", "scene_prompt": "a fox"}}, "a fox", None),
        ({"variables": {"subject": "a fox", "style": "ink", "noise_seed": 3}}, "a fox", 3),
        ({"prompt": "own words", "seed": 1.5}, "own words", None),
        ({"variables": {"image": "https://cdn.example.com/a-long-address.png", "seed": "7"}}, None, None),
        ({"variables": {"image": "asset:0192f3a4-0000-7000-8000-000000000031", "seed": 1e300}}, None, None),
        ({"variables": {"prompt": "", "seed": -(2**63)}}, None, -(2**63)),
        ({"variables": ["prompt"], "seed": None}, None, None),
        (["prompt"], None, None),
        ("prompt", None, None),
        (None, None, None),
    ],
)
async def test_the_prompt_is_what_comes_closest_to_one(
    library: Library, database: Database, metadata: Any, prompt: str | None, seed: int | None
) -> None:
    async with database.transaction() as tx:
        await make_output(tx, user_id=library.user, input_metadata=metadata)
    (item,) = (await library.ask())["data"]
    assert (item["prompt"], item["seed"]) == (prompt, seed)


async def test_each_filter_narrows_the_list(library: Library, database: Database) -> None:
    async with database.transaction() as tx:
        one, other = await make_collection(tx), await make_collection(tx)
        deck = await make_deck(tx, one, library.user)
        image = await make_output(tx, one, library.user, status="completed", mime_type="image/png", deck_id=deck)
        video = await make_output(tx, other, library.user, status="completed", mime_type="video/mp4")
        failed = await make_output(tx, other, library.user, status="failed")
        hidden = await make_output(tx, other, library.user, status="hidden")
        await tx.execute("UPDATE output SET hidden_by = 'owner' WHERE id = %s", (hidden,))
        await make_output(tx, other, library.user, status="hidden")  # by nobody who could bring it back
        await make_output(tx, other)
        await tx.execute("UPDATE output SET source = 'miniapp', starred = true WHERE id = %s", (video,))
        for day, output in enumerate((image, video, failed)):
            await made_at(tx, output, DAY + timedelta(days=day))

    def named(*outputs: UUID) -> list[str]:
        return [str(output) for output in outputs]

    assert await library.ids() == named(failed, video, image)
    assert await library.ids(sort="oldest") == named(image, video, failed)
    assert await library.ids(collection_id=one.id) == await library.ids(deck_id=deck) == named(image)
    assert await library.ids(media_type="video") == await library.ids(source="miniapp") == named(video)
    assert await library.ids(starred=True) == named(video)
    assert await library.ids(starred=False) == named(failed, image)
    assert await library.ids(status="failed") == named(failed)
    assert await library.ids(hidden=True) == named(hidden)
    assert await library.ids(since="2026-01-11T00:00:00Z") == named(failed, video)
    assert await library.ids(since="2026-01-11T00:00:00Z", until="2026-01-12T00:00:00Z") == named(video)
    assert await library.ids(since="2026-01-11T01:00:00+01:00", status="completed") == named(video)


async def test_tags_must_all_be_there(library: Library, database: Database) -> None:
    async with database.transaction() as tx:
        outputs = [str(await make_output(tx, user_id=library.user, input_metadata={"prompt": "fox"})) for _ in range(3)]
    for output, tags in zip(outputs, (["A", "b"], ["a"], ["b"]), strict=True):
        path = f"/outputs/{output}/tags"
        reply = await library.client.put(path, json={"tags": tags}, headers=as_user(library.user))
        assert reply.status_code == 200, reply.text
    assert await library.ids(tag="a") == [outputs[1], outputs[0]]
    assert await library.ids(tag="B ", sort="oldest", q="fox") == [outputs[0], outputs[2]]
    assert await library.ids(tag=["a", "b"]) == [outputs[0]]
    assert await library.ids(tag="c") == []
    answer = await library.ask(tag="a", limit=1, count=True)
    assert (answer["total"], answer["total_is_exact"]) == (2, True)
    assert await library.ids(tag="a", cursor=answer["next_cursor"]) == [outputs[0]]


async def parts(library: Library, **params: Any) -> AsyncIterator[list[str]]:
    cursor: dict[str, str] = {}
    while True:
        answer = await library.ask(**params, **cursor)
        yield [item["id"] for item in answer["data"]]
        if answer["next_cursor"] is None:
            return
        cursor = {"cursor": answer["next_cursor"]}


@pytest.mark.parametrize("more", [{}, {"sort": "oldest"}, {"q": "fox"}, {"status": "pending"}])
async def test_a_cursor_goes_on_where_the_part_before_ended(
    library: Library, database: Database, more: dict[str, Any]
) -> None:
    async with database.transaction() as tx:
        collection = await make_collection(tx)
        for n in range(7):
            output = await make_output(tx, collection, library.user, input_metadata={"prompt": "fox"})
            await made_at(tx, output, DAY + timedelta(microseconds=n // 3))  # several have the same time
    everything = await library.ids(**more)
    found = [part async for part in parts(library, limit=3, **more)]
    assert [len(part) for part in found] == [3, 3, 1]
    assert [output for part in found for output in part] == everything
    first = await library.ask(limit=3, **more)
    async with database.transaction() as tx:
        newer = await make_output(tx, collection, library.user, input_metadata={"prompt": "fox"})
        await made_at(tx, newer, DAY + timedelta(days=-1 if more.get("sort") == "oldest" else 1))
        await tx.execute("DELETE FROM output WHERE id = %s", (everything[2],))
    follows = await library.ids(limit=3, cursor=first["next_cursor"], **more)
    assert follows == everything[3:6], "what came or went before it does not move it"
    assert (await library.ask(limit=7, **more))["next_cursor"] is None, "no cursor where nothing follows"


async def test_a_total_is_exact_up_to_a_bound(
    library: Library, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.transaction() as tx:
        collection = await make_collection(tx)
        for n in range(4):
            await make_output(tx, collection, library.user, input_metadata={"prompt": f"fox n{n}"})
    answer = await library.ask(limit=1)
    assert (answer["total"], answer["total_is_exact"]) == (None, None)
    for more, total in (({}, 4), ({"q": "fox"}, 4), ({"q": "n1"}, 1), ({"q": "owl"}, 0)):
        answer = await library.ask(count=True, limit=1, **more)
        assert (answer["total"], answer["total_is_exact"]) == (total, True)
    monkeypatch.setattr("emprops.outputs.library_queries.MAX_COUNTED", 3)
    monkeypatch.setattr(cursors, "MAX_COUNTED", 3)
    for few in (2_000, 2):
        monkeypatch.setattr("emprops.outputs.library_queries.FEW", few)
        for more in ({}, {"q": "fox"}):
            answer = await library.ask(count=True, limit=1, **more)
            assert (answer["total"], answer["total_is_exact"]) == (3, False)


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "!"},
        {"cursor": "AAAA"},
        {"cursor": "x" * 101},
        {"cursor": "ÿ"},
        {"cursor": "f" * 32},
        {"cursor": "A" * 32, "offset": 1},
        {"cursor": "A" * 32, "page": 2},
        {"hidden": True, "status": "failed"},
        {"status": "hidden"},
        {"sort": "best"},
        {"since": "yesterday"},
        {"source": "elsewhere"},
        {"starred": "perhaps"},
        {"tag": "x" * 41},
        {"tag": " "},
        {"tag": list("abcdef")},
        {"tag": "\x00"},
        {"q": "a\x00b"},
    ],
)
async def test_what_makes_no_sense_is_refused(library: Library, params: dict[str, Any]) -> None:
    assert (await library.ask(answers=400, **params))["error"]


async def test_the_ends_of_time_are_no_trouble(library: Library) -> None:
    assert await library.ids(since="0001-01-01T00:00:00Z", until="9999-12-31T23:59:59Z") == []
    assert await library.ids(cursor="A" * 32) == []


def test_a_cursor_names_a_row_exactly() -> None:
    row = type("Row", (), {"id": new_id(), "created_at": datetime(1969, 7, 20, 20, 17, 40, 123457, tzinfo=UTC)})
    assert place_in(cursor_of(row)) == (row.created_at, row.id)  # type: ignore[arg-type,attr-defined]
    with pytest.raises(BadRequestError):
        place_in("x" * 7)


async def a_full_library(tx: Transaction) -> tuple[UUID, UUID, UUID]:
    """Thousands of outputs of eight users in two collections; returns a user, a collection and a deck."""
    users = [await make_user(tx) for _ in range(8)]
    collections = [await make_collection(tx) for _ in range(2)]
    deck = await make_deck(tx, collections[0], users[0])
    await tx.execute(
        """
        INSERT INTO output (id, user_id, collection_id, status, hidden_by, mime_type, starred, created_at, deck_id,
                            position)
        SELECT gen_random_uuid(), (%(users)s::uuid[])[1 + n %% 8], (%(collections)s::uuid[])[1 + n / 8 %% 2], status,
               CASE status WHEN 'hidden' THEN 'owner' END, CASE WHEN n %% 48 = 0 THEN 'video/mp4' ELSE 'image/png' END,
               n %% 96 = 0, now() - n * interval '1 minute', CASE WHEN n %% 8 = 0 THEN %(deck)s::uuid END,
               CASE WHEN n %% 8 = 0 THEN n END
        FROM (SELECT n, (ARRAY['completed', 'failed', 'hidden'])[1 + (n %% 90 = 0)::int + 2 * (n %% 77 = 0)::int]
              FROM generate_series(1, 8000) n WHERE n %% 6930 > 0) made (n, status)
        """,
        {"users": users, "collections": [one.id for one in collections], "deck": deck},
    )
    await tx.execute(
        "INSERT INTO output_tag (output_id, tag, user_id, created_at)"
        " SELECT id, tag, user_id, created_at FROM output, unnest(ARRAY['a', 'b']) tag"
    )
    await gather(tx, "output", "output_tag", "output_search")
    return users[0], collections[0].id, deck


async def test_every_filter_has_an_index_in_the_order_of_the_list(database: Database) -> None:
    async with database.transaction() as tx, tx.connection.transaction(force_rollback=True):
        user, collection, deck = await a_full_library(tx)
        served = {
            "output_of_user ": LibraryFilter(),
            "output_of_user_and_collection": LibraryFilter(collection_id=collection),
            "output_of_deck": LibraryFilter(deck_id=deck),
            "output_of_user_by_status": LibraryFilter(status="failed"),
            "output_of_user_by_media": LibraryFilter(media_type="video"),
            "output_of_user_starred": LibraryFilter(starred=True),
            "output_of_user_hidden": LibraryFilter(hidden=True),
            "output_tag_of_user": LibraryFilter(tags=("a",)),
        }
        for index, wanted in served.items():
            for sort in ("newest", "oldest"):
                for after in (None, (datetime.now(UTC) - timedelta(days=2), new_id())):
                    narrowed = LibraryFilter(
                        **{name: getattr(wanted, name) for name in LibraryFilter.__slots__ if name != "sort"},
                        sort=sort,  # type: ignore[arg-type]
                    )
                    explaining = Explaining(tx.connection)
                    explaining.without = (*Explaining.without, "hashjoin", "mergejoin")
                    await library_of(explaining, user, narrowed, Seek(Page(), after))
                    walked = explaining.plans[0]
                    assert f"using {index}" in walked, walked
                    assert "Sort" not in walked, walked
                    assert after is None or "ROW(" in walked.split("Index Cond")[1], "the cursor is where it begins"
            explaining = Explaining(tx.connection)
            await count_library(explaining, user, wanted)
            assert "Scan using output_" in explaining.plan, explaining.plan
