"""Assets whose time is over go, unless something uses them."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from tests.assets.conftest import brought, delivered, stored, upload
from tests.factories import make_collection, make_job, make_output
from tests.media.builders import picture

from emprops.assets import expiry, service
from emprops.assets.service import Shelf, Wishes
from emprops.kit.database import Database

pytestmark = pytest.mark.usefixtures("looked_at_here")
PNG = picture("PNG", (64, 32))


async def end(database: Database, asset_id: str) -> None:
    """Let the time of an asset be over."""
    async with database.transaction() as tx:
        await tx.execute("UPDATE asset SET expires_at = now() - interval '1 second' WHERE id = %s", (asset_id,))


async def test_what_has_ended_is_removed_with_its_bytes(
    client: httpx2.AsyncClient, user: dict[str, str], other: dict[str, str], shelf: Shelf, tmp_path: Path
) -> None:
    mine, theirs = await brought(client, user, PNG, expires_in=60), await brought(client, other, PNG, expires_in=60)
    assert await expiry.remove_expired(shelf.database) == 0
    await end(shelf.database, mine["id"])
    assert await expiry.remove_expired(shelf.database) == 1
    await delivered(shelf)
    assert (await client.get(f"/assets/{mine['id']}", headers=user)).status_code == 404
    assert (await client.get(f"/assets/{theirs['id']}/content", headers=other)).content == PNG
    await end(shelf.database, theirs["id"])
    assert await expiry.remove_expired(shelf.database) == 1
    await delivered(shelf)
    assert stored(tmp_path) == []


async def test_many_are_removed_in_one_run(shelf: Shelf, user: dict[str, str]) -> None:
    for n in range(service.BATCH + 3):
        kept = await service.keep_bytes(shelf, UUID(user["user_id"]), b"text %d" % n, Wishes(expires_in=60))
        await end(shelf.database, str(kept.asset.id))
    assert await expiry.remove_expired(shelf.database) == service.BATCH + 3


@pytest.mark.parametrize(
    ("how", "stays"),
    [
        ("processing", True),
        ("failed", True),
        ("failed long ago", False),
        ("retried often", False),
        ("completed", False),
        ("collection", True),
        ("output", True),
        ("hidden output", False),
    ],
)
async def test_what_something_uses_stays(
    client: httpx2.AsyncClient, user: dict[str, str], database: Database, how: str, stays: bool
) -> None:
    asset = await brought(client, user, PNG, expires_in=60)
    owner = UUID(user["user_id"])
    async with database.transaction() as tx:
        data = {"variables": [{"value": f"asset:{asset['id']}"}]} if how == "collection" else None
        collection = await make_collection(tx, owner, data=data)
        if "output" in how:
            status = "hidden" if "hidden" in how else "completed"
            await make_output(tx, collection, owner, status=status, url=asset["url"])
        elif how != "collection":
            status = how if how in ("processing", "completed") else "failed"
            options: dict[str, Any] = {"error_message": "it broke"} if status == "failed" else {}
            job = await make_job(tx, collection=collection, status=status, **options)
            await tx.execute("INSERT INTO asset_use VALUES (%s, %s)", (asset["id"], job.id))
            if how == "failed long ago":
                await tx.execute("UPDATE job SET completed_at = now() - interval '8 days' WHERE id = %s", (job.id,))
            if how == "retried often":
                await tx.execute("UPDATE job SET retry_count = max_retries WHERE id = %s", (job.id,))
    await end(database, asset["id"])
    assert await expiry.remove_expired(database) == (not stays)
    assert (await client.get(f"/assets/{asset['id']}", headers=user)).status_code == (200 if stays else 404)


async def test_bringing_it_again_keeps_it_longer(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    first = await brought(client, user, PNG, expires_in=60)
    longer = await brought(client, user, PNG, expires_in=600)
    assert longer["expires_at"] > first["expires_at"]
    assert (await brought(client, user, PNG, expires_in=6))["expires_at"] == longer["expires_at"]
    assert (await brought(client, user, PNG))["expires_at"] is None
    assert (await brought(client, user, PNG, expires_in=6))["expires_at"] is None


async def test_the_settings_say_how_long_unless_the_upload_does(shelf: Shelf, user: dict[str, str]) -> None:
    limited = Shelf(shelf.database, shelf.storage, shelf.settings.model_copy(update={"asset_days": 2.0}))
    kept = (await service.keep_bytes(limited, UUID(user["user_id"]), PNG)).asset
    assert kept.expires_at is not None
    assert (kept.expires_at - kept.created_at).total_seconds() == pytest.approx(2 * 86_400)
    said = (await service.keep_bytes(limited, UUID(user["user_id"]), b"text", Wishes(expires_in=60))).asset
    assert said.expires_at is not None
    assert (said.expires_at - said.created_at).total_seconds() == pytest.approx(60)


async def test_what_is_being_used_just_now_is_left_alone(
    client: httpx2.AsyncClient, user: dict[str, str], database: Database
) -> None:
    asset = await brought(client, user, PNG, expires_in=60)
    await end(database, asset["id"])
    async with database.transaction() as tx:
        await tx.execute("SELECT FROM asset WHERE id = %s FOR KEY SHARE", (asset["id"],))
        assert await expiry.remove_expired(database) == 0
    assert await expiry.remove_expired(database) == 1
    assert (await upload(client, user, PNG)).status_code == 201
