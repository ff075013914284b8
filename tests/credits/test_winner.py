"""The race of success, failure and cancellation of one job: the credits follow whoever wins."""

import asyncio
import random

from tests.credits.endings import ended, state_of
from tests.credits.invariants import broken
from tests.credits.rig import TERMS
from tests.factories import make_job, make_user

from emprops.credits import service
from emprops.credits.store import NewHold
from emprops.kit.database import Database


async def test_credits_follow_the_winner_of_success_against_failure(database: Database) -> None:
    winners = set()
    for _ in range(30):
        async with database.transaction() as tx:
            user_id = await make_user(tx)
            await service.grant(tx, user_id, 5, reason="", terms=TERMS)
            job = await make_job(tx, user_id, status="processing")
            await service.hold(tx, [NewHold(user_id, job.id, 5, "")], terms=TERMS)
        ends = random.sample(["completed", "failed", "cancelled"], 3)
        won = await asyncio.gather(*(ended(database, job.id, end) for end in ends))
        assert sum(won) == 1
        winner = ends[won.index(True)]
        winners.add(winner)
        async with database.reader() as reader:
            assert await state_of(reader, job.id) == ("captured" if winner == "completed" else "released")
            assert not await broken(reader)
    assert "completed" in winners
    assert len(winners) > 1
