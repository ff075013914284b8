"""Files within requests that are refused for another reason."""

import pytest
from tests.factories import Collection
from tests.looking import looked_at_here
from tests.orchestrator.rig import FAILED, Rig
from tests.orchestrator.sources import both, develop
from tests.orchestrator.test_files import DATA_URL, bring, collection, generate

from emprops.assets.service import DELETE_FILE

__all__ = ["collection", "looked_at_here"]
pytestmark = pytest.mark.usefixtures("looked_at_here")


async def test_they_are_not_kept(rig: Rig, collection: Collection) -> None:
    reply = await generate(rig, collection, {"image": DATA_URL, "nothing": 1}, strict=True)
    assert reply.status_code == 400, reply.text
    assert await rig.rows("SELECT FROM asset UNION ALL SELECT FROM asset_file") == []
    due = await rig.rows("SELECT FROM outbox WHERE kind = %s AND next_at <= now()", DELETE_FILE)
    assert len(due) == 1, "what is stored goes at once"


async def test_nor_of_developments(rig: Rig) -> None:
    output, _, editing = await both(rig, price=5000)
    reply = await develop(rig, output, editing, {"image": DATA_URL})
    assert reply.status_code == 402, reply.text
    assert await rig.rows("SELECT FROM asset") == []
    assert await rig.rows("SELECT FROM outbox WHERE kind = %s AND next_at <= now()", DELETE_FILE)


async def test_what_there_was_before_stays(rig: Rig, collection: Collection) -> None:
    asset = await bring(rig)
    for _ in range(2):
        assert (await generate(rig, collection, {"image": DATA_URL, "nothing": 1}, strict=True)).status_code == 400
    assert [str(row["id"]) for row in await rig.rows("SELECT id FROM asset")] == [asset["id"]]


async def test_what_a_job_took_stays_whatever_becomes_of_it(rig: Rig, collection: Collection) -> None:
    reply = await generate(rig, collection, {"image": DATA_URL})
    await rig.dispatcher.flush()
    await rig.run(FAILED)
    assert (await generate(rig, collection, {"image": DATA_URL, "nothing": 1}, strict=True)).status_code == 400
    assert (reply.status_code, len(await rig.rows("SELECT FROM asset"))) == (200, 1)
