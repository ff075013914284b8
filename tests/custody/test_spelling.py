"""One identity in several spellings, and names in which nothing can be seen."""

import httpx2
import psycopg
import pytest
from tests.apps import as_user
from tests.engines import Engines
from tests.factories import make_collection, make_user
from tests.migrations import database_before, migrate

from emprops.custody.service import identity
from emprops.errors import BadRequestError
from emprops.kit.database import Database
from emprops.kit.ids import new_id


@pytest.mark.parametrize(
    ("org", "sent", "stored"),
    [
        ("twitter", " @Vitalik ", "vitalik"),
        ("github", "Octo-Cat", "octo-cat"),
        ("farcaster", "DWR.eth", "dwr.eth"),
        ("discord", "Anna#1", "Anna#1"),
        ("lens", "@Anna", "Anna"),
        ("twitter", "cafe\u0301", "caf\u00e9"),
    ],
)
def test_an_identity_is_stored_as_its_network_compares_it(org: str, sent: str, stored: str) -> None:
    assert identity(org, sent) == (org, stored)


@pytest.mark.parametrize("empty", ["", "  ", "@", " @ "])
def test_an_identity_has_a_name(empty: str) -> None:
    with pytest.raises(BadRequestError):
        identity("twitter", empty)


async def test_decks_are_found_under_every_spelling(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        user = await make_user(tx)
        collection = await make_collection(tx, user)
    held = {"collection_id": str(collection.id), "social_org": "twitter", "social_identifier": "@Vitalik"}
    made = await client.post("/decks", json=held, headers=as_user(user))
    assert made.status_code == 201, made.text
    for spelling in ("vitalik", "VITALIK", "%40Vitalik"):
        query = f"social_org=twitter&social_identifier={spelling}"
        for path in ("/decks", f"/collections/{collection.id}/decks"):
            found = await client.get(f"{path}?{query}", headers=as_user(user))
            assert [deck["id"] for deck in found.json()["data"]] == [made.json()["data"]["id"]], spelling


@pytest.mark.parametrize("blank", [" ", "\u200b\u200d", "\u3164", "\u2800", "\u0301"])
async def test_names_must_show_something(client: httpx2.AsyncClient, database: Database, blank: str) -> None:
    async with database.transaction() as tx:
        user = await make_user(tx)
        collection = await make_collection(tx, user)
    deck = await client.post("/decks", json={"collection_id": str(collection.id), "name": blank}, headers=as_user(user))
    assert deck.status_code == 400, deck.text
    project = await client.post("/projects", json={"name": blank}, headers=as_user(user))
    titled = await client.post("/collections", json={"title": blank, "data": {}}, headers=as_user(user))
    assert (project.status_code, titled.status_code) == (400, 400)


def test_spellings_that_were_stored_become_one(engines: Engines) -> None:
    keeper, other, claimed, late, user, project, collection = (new_id() for _ in range(7))
    with psycopg.connect(database_before(engines, "0017")) as connection:
        for statement, values in (
            ("INSERT INTO app_user (id) VALUES (%s)", (user,)),
            (LINK, (keeper, "twitter", "vitalik", None, None)),
            (LINK, (other, "twitter", "@Vitalik", None, None)),
            (LINK, (claimed, "github", "Octo", user, "2026-01-01Z")),
            (LINK, (late, "github", "octo", None, None)),
            ("INSERT INTO project (id, user_id, name) VALUES (%s, %s, 'P')", (project, user)),
            (COLLECTION, (collection, project, other)),
        ):
            connection.execute(statement, values)  # type: ignore[arg-type]
        migrate(connection, "0017")
        links = connection.execute("SELECT id, social_identifier FROM social_link ORDER BY created_at, id").fetchall()
        held = connection.execute("SELECT custodied_for FROM collection").fetchall()
    assert (keeper, "vitalik") in links
    assert other not in [link for link, _ in links]
    assert held == [(keeper,)]
    assert {(claimed, "Octo"), (late, "octo")} <= set(links), "what somebody signed up as stays apart"


LINK = "INSERT INTO social_link (id, social_org, social_identifier, user_id, claimed_at) VALUES (%s, %s, %s, %s, %s)"
COLLECTION = (
    "INSERT INTO collection (id, project_id, title, data, is_custodial, custodied_for)"
    " VALUES (%s, %s, 'T', '{}', true, %s)"
)
