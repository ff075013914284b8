"""Private files are for their owner's jobs: workers read them in storage; knowing where one is opens it to nobody."""

from pathlib import Path
from typing import Any

import pytest
from tests.factories import Collection, make_user
from tests.looking import looked_at_here
from tests.orchestrator.rig import Rig
from tests.orchestrator.test_files import DATA_URL, PNG, bring, collection, generate, payload_of, takes_pictures

from emprops.auth.file_links import FileLinks
from emprops.connectors.base import BadInputError
from emprops.kit.ids import new_id
from emprops.kit.outbound.client import GuardedClient
from emprops.media.storage import FolderStorage
from emprops.worker.board import Board
from emprops.worker.context import Context

__all__ = ["collection", "looked_at_here"]
pytestmark = pytest.mark.usefixtures("looked_at_here")


async def path_in_storage(rig: Rig, asset: dict[str, Any]) -> str:
    """Return the unsigned path of an asset's file: what is left of a signed URL that has ended."""
    sql = "SELECT f.key FROM asset a JOIN asset_file f ON f.id = a.file_id WHERE a.id = %s"
    [row] = await rig.rows(sql, asset["id"])
    return f"/files/{row['key']}"


async def test_where_a_private_file_is_does_not_make_it_ones_own(rig: Rig, collection: Collection) -> None:
    async with rig.database.transaction() as tx:
        stranger = await make_user(tx)
    path = await path_in_storage(rig, await bring(rig, who=stranger))
    for url in (path, f"{rig.settings.base_url}{path}?expires=9&signature=x", path.replace("assets", "%61ssets")):
        reply = await generate(rig, collection, {"image": url})
        assert (reply.status_code, list(reply.json()["details"])) == (400, ["image"]), url


async def test_nothing_is_kept_of_a_request_with_a_file_that_is_refused(rig: Rig, collection: Collection) -> None:
    reply = await generate(rig, collection, {"image": DATA_URL, "clip": f"asset:{new_id()}"})
    assert (reply.status_code, list(reply.json()["details"])) == (400, ["clip"])
    assert await rig.rows("SELECT FROM asset") == []


async def test_no_worker_is_sent_to_a_private_file_that_does_not_open(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        stranger = await make_user(tx)
    path = await path_in_storage(rig, await bring(rig, who=stranger))
    ended = f"{path}?{FileLinks(rig.settings, lambda: 0.0).query(path.removeprefix('/files/'), 60)}"
    for url in (path, ended, f" {path}#a", path.replace("assets", "%61ssets")):
        payload = await payload_of(rig, await generate(rig, await takes_pictures(rig, value=url), {}))
        assert payload["image"] == "asset:closed"
    open_ = f"{path}?{FileLinks(rig.settings).query(path.removeprefix('/files/'), 60)}"
    payload = await payload_of(rig, await generate(rig, await takes_pictures(rig, value=open_), {}))
    assert payload["image"] == open_


async def test_a_worker_reads_it_in_storage(rig: Rig, collection: Collection, tmp_path: Path) -> None:
    asset = await bring(rig)
    await generate(rig, collection, {"image": asset["id"]})
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    client = GuardedClient(rig.settings)
    context = Context(claim, board=Board(), storage=FolderStorage(tmp_path), http=client, settings=rig.settings)
    path, mime_type = await context.fetch(claim.ticket.payload["image"])
    assert (path.read_bytes(), mime_type) == (PNG, "image/png")
    with pytest.raises(BadInputError, match="was deleted"):
        await context.fetch(f"asset:{asset['id']}")
    path.unlink()
    with pytest.raises(BadInputError, match="does not exist") as error:
        await context.fetch(claim.ticket.payload["image"])
    assert "signature" not in str(error.value)
    await client.close()


async def test_a_broken_up_url_is_none_of_ours(rig: Rig, tmp_path: Path) -> None:
    """URL parsers drop tabs and line breaks: what a worker reads would not be what is looked for in a payload."""
    async with rig.database.transaction() as tx:
        stranger = await make_user(tx)
    path = await path_in_storage(rig, await bring(rig, who=stranger))
    url = rig.settings.base_url + path.replace("/files/", "/fi\nles/")
    reply = await generate(rig, await takes_pictures(rig, value=url), {})
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    assert (reply.status_code, claim.ticket.payload["image"]) == (200, url)
    client = GuardedClient(rig.settings)
    context = Context(claim, board=Board(), storage=FolderStorage(tmp_path), http=client, settings=rig.settings)
    with pytest.raises(BadInputError, match="cannot be fetched"):
        await context.fetch(url)
    await client.close()
