"""Results whose time is over, and jobs that take them."""

from typing import Any

import pytest
from tests.factories import Collection
from tests.orchestrator.rig import FAILED, Rig
from tests.orchestrator.sources import make_source
from tests.orchestrator.test_files import collection, generate

from emprops.media.storage import public_url
from emprops.orchestrator.start import start
from emprops.outputs.expiry import hide_expired

__all__ = ["collection"]


async def test_a_result_stays_while_a_job_that_takes_it_starts_and_runs(
    rig: Rig, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig.database.transaction() as tx:
        output, _ = await make_source(tx, rig, url=public_url(rig.settings, "generations/a/1.png"))
        await tx.execute("UPDATE output SET expires_at = now() - interval '1 second' WHERE id = %s", (output,))
    hold, hidden = start.credit.hold, []

    async def hold_late(*arguments: Any, **options: Any) -> None:
        hidden.append(await hide_expired(rig.database, 0))
        await hold(*arguments, **options)

    monkeypatch.setattr(start.credit, "hold", hold_late)
    reply = await generate(rig, collection, {"image": f"output:{output}"})
    hidden.append(await hide_expired(rig.database, 0))
    await rig.dispatcher.flush()
    await rig.run(FAILED)
    hidden.append(await hide_expired(rig.database, 0))
    assert (reply.status_code, hidden) == (200, [0, 0, 0])
    await rig.execute("UPDATE job SET retry_count = max_retries")
    assert await hide_expired(rig.database, 0) == 1
