import asyncio

import pytest
from tests.factories import make_deck, make_job, make_output
from tests.outputs.opening import open_outputs

from emprops.custody.service import find_link, find_or_make_link
from emprops.errors import BadRequestError
from emprops.kit.database import Database


async def test_found_or_made(database: Database) -> None:
    async with database.transaction() as tx:
        assert await find_link(tx, "farcaster", "vitalik") is None
        made = await find_or_make_link(tx, "farcaster", "vitalik")
        assert (made.social_org, made.social_identifier, made.miniapp_user_id) == ("farcaster", "vitalik", None)
        assert (
            await find_or_make_link(tx, "farcaster", " vitalik ") == made == await find_link(tx, "farcaster", "vitalik")
        )
        assert (await find_or_make_link(tx, "twitter", "vitalik")).id != made.id


async def test_the_first_miniapp_user_stays(database: Database) -> None:
    async with database.transaction() as tx:
        bare = await find_or_make_link(tx, "farcaster", "vitalik")
        filled = await find_or_make_link(tx, "farcaster", "vitalik", "mini-1")
        assert (filled.id, filled.miniapp_user_id) == (bare.id, "mini-1")
        assert await find_or_make_link(tx, "farcaster", "vitalik", "mini-2") == filled
        assert await find_or_make_link(tx, "farcaster", "vitalik") == filled


async def test_results_beside_a_held_output_are_held_too(database: Database) -> None:
    """A job of two generations completes an output that was made for somebody: its second one is for them as well."""
    async with database.transaction() as tx:
        link = await find_or_make_link(tx, "farcaster", "vitalik")
        job = await make_job(tx)
        deck = await make_deck(tx, job.collection, custodied_for=link.id)
        output = await make_output(tx, job.collection, deck_id=deck, custodied_for=link.id)
        made = await open_outputs(tx, job, 2, source="miniapp", output_id=output)
        rows = await tx.fetch_dicts(
            "SELECT deck_id, is_custodial, custodied_for FROM output WHERE id = ANY(%s)", (made,)
        )
    assert rows == [{"deck_id": deck, "is_custodial": True, "custodied_for": link.id}] * 2


async def test_two_at_once_make_one(database: Database) -> None:
    looked = asyncio.Barrier(2)

    async def make(miniapp_user_id: str) -> object:
        async with database.transaction() as tx:
            assert await find_link(tx, "lens", "vitalik") is None
            await looked.wait()
            return await find_or_make_link(tx, "lens", "vitalik", miniapp_user_id)

    first, second = await asyncio.gather(make("mini-1"), make("mini-2"))
    assert first == second
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM social_link") == 1


@pytest.mark.parametrize(("org", "identifier"), [("myspace", "tom"), ("lens", "  "), ("lens", "x" * 201)])
async def test_what_is_no_identity(database: Database, org: str, identifier: str) -> None:
    async with database.transaction() as tx:
        with pytest.raises(BadRequestError, match=r"social_(org|identifier) must be"):
            await find_or_make_link(tx, org, identifier)
