"""Lists of decks: what they show, and that a page costs the same however many decks there are."""

from typing import Any

import pytest
from tests.factories import make_collection, make_deck, make_user
from tests.plans import Explaining

from emprops.decks.queries import DeckFilter, list_decks
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.kit.web.paging import Page

USER, COLLECTION = new_id(), new_id()


async def test_own_and_published_decks_come_as_one_list(database: Database) -> None:
    async with database.transaction() as tx:
        collection = await make_collection(tx)
        user = await make_user(tx)
        shown = []
        for number, (owner, status) in enumerate(
            [
                (user, "active"),
                (collection.user_id, "active"),
                (collection.user_id, "published"),
                (user, "archived"),
                (user, "published"),
                (collection.user_id, "published"),
                (user, "locked"),
            ]
        ):
            deck = await make_deck(tx, collection, owner, status=status)
            if number not in (1, 3):
                shown.append(deck)
        shown.reverse()
        wanted = DeckFilter(user_id=user, also_published=True, collection_id=collection.id)

        async def ids(page: Page) -> list[Any]:
            return [deck.id for deck in await list_decks(tx, wanted, page)]

        assert await ids(Page()) == shown
        assert await ids(Page(2, 0)) + await ids(Page(2, 2)) + await ids(Page(2, 4)) == shown


async def many_decks(tx: Transaction) -> None:
    """So many decks that reading those of one state beats reading all of them; with a few, either index will do."""
    collection = await make_collection(tx)
    await tx.execute(
        """
        INSERT INTO deck (id, user_id, collection_id, name, status)
        SELECT gen_random_uuid(), %s, %s, 'Deck', (ARRAY['active', 'archived', 'published', 'locked'])[1 + n %% 4]
        FROM generate_series(1, 4000) AS n
        """,
        (collection.user_id, collection.id),
    )


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (DeckFilter(user_id=USER), "deck_of_user_shown"),
        (DeckFilter(user_id=USER, status="locked"), "deck_of_user_by_status"),
        (DeckFilter(collection_id=COLLECTION), "deck_of_collection_shown"),
        (DeckFilter(collection_id=COLLECTION, status="archived"), "deck_of_collection_by_status"),
    ],
)
async def test_a_list_follows_an_index_in_its_order(database: Database, wanted: DeckFilter, index: str) -> None:
    async with database.transaction() as tx:
        await many_decks(tx)
        explaining = Explaining(tx.connection)
        await list_decks(explaining, wanted, Page())
    assert f"{index} on deck" in explaining.plan
    assert "Sort" not in explaining.plan


async def test_the_merged_list_reads_one_page_of_each(database: Database) -> None:
    async with database.transaction() as tx:
        collection = await make_collection(tx)
        other = await make_user(tx)
        await tx.execute(
            """
            INSERT INTO deck (id, user_id, collection_id, name, status)
            SELECT gen_random_uuid(), CASE WHEN n %% 2 = 0 THEN %(owner)s ELSE %(other)s END::uuid, %(collection)s, '',
                   CASE WHEN n %% 3 = 0 THEN 'published' ELSE 'active' END
            FROM generate_series(1, 3000) n
            """,
            {"owner": collection.user_id, "other": other, "collection": collection.id},
        )
        await tx.execute("ANALYZE deck")
        explaining = Explaining(tx.connection)
        wanted = DeckFilter(user_id=other, also_published=True, collection_id=collection.id)
        await list_decks(explaining, wanted, Page())
    assert "deck_of_collection_by_status" in explaining.plan
    assert "Seq Scan" not in explaining.plan
    inner = explaining.plan.partition("Append")[2].partition("deck_pkey")[0]
    assert inner.count("Limit") == 2
    assert "Sort" not in inner, explaining.plan
