"""Lists of a user's assets."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from tests.apps import as_user
from tests.assets.conftest import brought
from tests.media.builders import picture
from tests.plans import Explaining

from emprops.assets.queries import list_of
from emprops.kit.database import Database
from emprops.kit.web.cursors import Seek, place_in
from emprops.kit.web.paging import Page

pytestmark = pytest.mark.usefixtures("looked_at_here")
PNG = picture("PNG", (64, 32))
SOUND = b"RIFF\x24\0\0\0WAVEfmt "


async def test_lists_are_cut_and_narrowed(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    first, second = await brought(client, user, PNG), await brought(client, user, SOUND)
    for query, expected in (
        ({"limit": 1}, [second]),
        ({"limit": 1, "offset": 1}, [first]),
        ({"media_type": "image"}, [first]),
        ({"media_type": "video"}, []),
    ):
        found = (await client.get("/assets", params=query, headers=user)).json()["data"]
        assert [one["id"] for one in found] == [one["id"] for one in expected]


async def test_a_list_goes_on_with_a_cursor(
    client: httpx2.AsyncClient, user: dict[str, str], database: Database
) -> None:
    made = [(await brought(client, user, b"text %d" % n))["id"] for n in range(5)]
    await brought(client, as_user(UUID(int=9)), PNG)

    async def part(**query: Any) -> dict[str, Any]:
        return dict((await client.get("/assets", params=query, headers=user)).json())

    first = await part(limit=2, count=True)
    assert (first["total"], first["total_is_exact"]) == (5, True)
    await client.delete(f"/assets/{made[3]}", headers=user)
    await brought(client, user, SOUND)
    seen, cursor = [one["id"] for one in first["data"]], first["next_cursor"]
    while cursor:
        following = await part(limit=2, cursor=cursor)
        seen += [one["id"] for one in following["data"]]
        cursor = following["next_cursor"]
    assert seen == made[::-1]
    assert (await part(media_type="audio", count=True))["total"] == 1
    for query in ({"cursor": "nothing"}, {"cursor": first["next_cursor"], "offset": 1}):
        assert (await client.get("/assets", params=query, headers=user)).status_code == 400
    async with database.transaction() as tx:
        explaining = Explaining(tx.connection)
        await list_of(explaining, UUID(user["user_id"]), Seek(Page(), place_in(first["next_cursor"])))
        assert "asset_newest" in explaining.plan
        assert "Sort" not in explaining.plan
