"""Finding one's outputs by their words."""

from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.apps import as_user
from tests.engines import Engines
from tests.factories import make_collection, make_job, make_output, make_user
from tests.migrations import database_before, migrate
from tests.plans import Explaining

from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.kit.web.cursors import Seek
from emprops.kit.web.paging import Page
from emprops.outputs import library_queries
from emprops.outputs.library_queries import LibraryFilter, library_of, with_words


class Finder:
    """A user with outputs that have names."""

    def __init__(self, client: httpx2.AsyncClient, database: Database) -> None:
        self.client = client
        self.database = database
        self.user = new_id()
        self.names: dict[str, str] = {}

    async def make(self, name: str, metadata: Any = None, *, title: str = "Untitled", **output: Any) -> UUID:
        async with self.database.transaction() as tx:
            collection = await make_collection(tx, title=title)
            made = await make_output(tx, collection, self.user, input_metadata=metadata, **output)
        self.names[str(made)] = name
        return made

    async def find(self, q: str, **more: Any) -> list[str]:
        reply = await self.client.get("/outputs", params={"q": q, **more}, headers=as_user(self.user))
        assert reply.status_code == 200, reply.text
        return [self.names[item["id"]] for item in reply.json()["data"]]


@pytest.fixture
def finder(client: httpx2.AsyncClient, database: Database) -> Finder:
    return Finder(client, database)


async def test_by_what_was_sent_and_by_the_title(finder: Finder) -> None:
    await finder.make("fox", {"variables": {"prompt": "A red Fox, jumping", "seed": 1234, "style": ["oil paint"]}})
    await finder.make("own", {"prompt": "two foxes"})
    await finder.make("titled", title="Foxgloves in June")
    await finder.make("other", {"prompt": "a harbour"})
    assert await finder.find("fox") == ["titled", "own", "fox"], "beginnings of words count"
    assert await finder.find("FOX red") == ["fox"]
    assert await finder.find("fox harbour") == []
    assert await finder.find("1234") == await finder.find("paint") == ["fox"]
    assert await finder.find("june") == ["titled"]
    assert await finder.find("ox") == [], "what stands within a word does not"
    assert await finder.find("prompt") == [], "names of fields do not"
    assert await finder.find("") == await finder.find("  ") == ["other", "titled", "own", "fox"]


async def test_by_what_chance_picked(finder: Finder) -> None:
    async with finder.database.transaction() as tx:
        job = await make_job(tx, finder.user)
        generations = [
            {"hash": "a", "variables": {"animal": "an owl"}},
            {"hash": "b", "variables": {"animal": "a yak"}},
        ]
        await tx.execute(
            "UPDATE job SET data = data || %s WHERE id = %s", (Jsonb({"generations": generations}), job.id)
        )
        for generation, name in enumerate(("owl", "yak")):
            finder.names[str(await make_output(tx, job=job, generation=generation))] = name
    assert await finder.find("owl") == ["owl"]
    assert await finder.find("yak") == ["yak"]
    early = await finder.make("linked")
    async with finder.database.transaction() as tx:
        await tx.execute("UPDATE output SET job_id = %s, generation = 1 WHERE id = %s", (job.id, early))
    assert await finder.find("yak") == ["linked", "yak"], "an output that is given a job later is found as well"


async def test_it_follows_the_output_to_another_user(finder: Finder) -> None:
    output = await finder.make("fox", {"prompt": "a fox"})
    mine, theirs = finder.user, new_id()
    async with finder.database.transaction() as tx:
        await tx.execute("UPDATE output SET user_id = %s WHERE id = %s", (await make_user(tx, theirs), output))
    assert await finder.find("fox") == []
    assert await finder.find(f"={mine}") == []
    finder.user = theirs
    assert await finder.find("fox") == ["fox"]


async def test_only_ones_own_that_are_not_hidden_and_with_the_other_filters(finder: Finder) -> None:
    await finder.make("completed", {"prompt": "fox"}, status="completed", mime_type="image/png")
    await finder.make("film", {"prompt": "fox"}, status="completed", mime_type="video/mp4")
    await finder.make("pending", {"prompt": "fox"})
    await finder.make("hidden", {"prompt": "fox"}, status="hidden")
    async with finder.database.transaction() as tx:
        await make_output(tx, input_metadata={"prompt": "fox"})
    assert await finder.find("fox") == ["pending", "film", "completed"]
    assert await finder.find("fox", status="completed") == ["film", "completed"]
    assert await finder.find("fox", media_type="image") == ["completed"]
    assert await finder.find("fox", limit=1, offset=1) == ["film"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it's", 'it\'s a "quoted" back\\slash'),
        ("back\\slash", 'it\'s a "quoted" back\\slash'),
        ("'", None),
        ("!!! & | <-> :*", None),
        ("fox:*", "fox"),
        ("ÜRÜN", "ürün привет"),
        ("Прив", "ürün привет"),
        ("half-timbered", "half-timbered house"),
        ("half", "half-timbered house"),
        ("東京", "東京 の夜"),
        ("x" * 200, None),
    ],
)
async def test_any_text_may_be_asked_for(finder: Finder, text: str, found: str | None) -> None:
    for prompt in ('it\'s a "quoted" back\\slash', "fox", "ürün привет", "half-timbered house", "東京 の夜"):
        await finder.make(prompt, {"prompt": prompt})
    assert await finder.find(text) == ([] if found is None else [found])


async def test_too_long_a_text_is_refused(finder: Finder) -> None:
    reply = await finder.client.get("/outputs", params={"q": "x" * 201}, headers=as_user(finder.user))
    assert reply.status_code == 400


async def test_addresses_and_large_documents_are_no_words(finder: Finder) -> None:
    await finder.make(
        "url", {"image": "https://cdn.example.com/fox.png", "source_mime_type": "image/png", "n": [1, None]}
    )
    await finder.make("large", {"words": [f"word{n}" for n in range(50_000)], "one": "y" * 100_000, "flag": True})
    assert await finder.find("cdn") == await finder.find("image") == await finder.find("https") == []
    assert await finder.find("word7") == ["large"]


async def test_the_words_go_with_the_output(finder: Finder) -> None:
    output = await finder.make("gone", {"prompt": "fox"})
    async with finder.database.transaction() as tx:
        await tx.execute("UPDATE output SET input_metadata = %s WHERE id = %s", (Jsonb({"prompt": "owl"}), output))
    assert (await finder.find("fox"), await finder.find("owl")) == ([], ["gone"])
    async with finder.database.transaction() as tx:
        await tx.execute("DELETE FROM output WHERE id = %s", (output,))
        assert await tx.fetch_value("SELECT count(*) FROM output_search") == 0


def test_outputs_that_were_there_before_are_found(engines: Engines) -> None:
    with psycopg.connect(database_before(engines, "0019")) as connection:
        user, project, collection, output = new_id(), new_id(), new_id(), new_id()
        connection.execute("INSERT INTO app_user (id) VALUES (%s)", (user,))
        connection.execute("INSERT INTO project (id, user_id, name) VALUES (%s, %s, '')", (project, user))
        connection.execute(
            "INSERT INTO collection (id, project_id, title, data) VALUES (%s, %s, 'Quiet Harbours', '{}')",
            (collection, project),
        )
        connection.execute(
            "INSERT INTO output (id, user_id, collection_id, input_metadata) VALUES (%s, %s, %s, %s)",
            (output, user, collection, Jsonb({"prompt": "fox"})),
        )
        migrate(connection, "0019")
        wanted = "SELECT output_id FROM output_search WHERE words @@ words_wanted(%s, 'harb fox')"
        assert connection.execute(wanted, (user,)).fetchall() == [(output,)]


async def many_outputs(tx: Transaction) -> UUID:
    """Thousands of outputs of one user, all with one word, a few with another."""
    user, collection = await make_user(tx), await make_collection(tx)
    await tx.execute(
        "INSERT INTO output (id, user_id, collection_id, input_metadata, created_at)"
        " SELECT gen_random_uuid(), %s, %s,"
        " jsonb_build_object('prompt', CASE WHEN n %% 1500 = 0 THEN 'rare' ELSE 'plain' END),"
        " now() - n * interval '1 minute' FROM generate_series(1, 4000) n",
        (user, collection.id),
    )
    await tx.execute("ANALYZE output, output_search")
    return user


async def test_words_are_looked_up_in_an_index(database: Database) -> None:
    async with database.transaction() as tx, tx.connection.transaction(force_rollback=True):
        user = await many_outputs(tx)
        explaining = Explaining(tx.connection)
        explaining.without = ("seqscan",)
        await with_words(explaining, user, "rare")
        assert "Bitmap Index Scan on output_search_words" in explaining.plan
        explaining.without = ()
        await tx.execute("UPDATE pg_class SET reltuples = 1e6, relpages = 12000 WHERE relname = 'output_search'")
        await with_words(explaining, user, "rare")
        assert "Seq Scan" not in explaining.plan, "also where the planner is free"


async def test_a_common_word_is_met_on_the_way_along_the_list(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_queries, "FEW", 10)
    async with database.transaction() as tx, tx.connection.transaction(force_rollback=True):
        user = await many_outputs(tx)
        found = await library_of(tx, user, LibraryFilter(text="quiet plain"), Seek(Page(limit=3)))
        assert [row.id for row in found] == [
            row.id for row in await library_of(tx, user, LibraryFilter(), Seek(Page(limit=3)))
        ]
        monkeypatch.setattr(library_queries, "FEW", -1)
        explaining = Explaining(tx.connection)
        await library_of(explaining, user, LibraryFilter(text="quiet"), Seek(Page()))
        assert "output_of_user " in explaining.plans[-2]
        assert "Sort" not in explaining.plans[-2]
