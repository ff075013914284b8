"""The queries that the documentation gives to operators run, and notice damage."""

import re
from pathlib import Path

from tests.factories import make_job, make_user

from emprops.credits import service
from emprops.credits.service import Terms
from emprops.credits.store import NewHold
from emprops.kit.database import Database

PAGE = Path(__file__).parents[2] / "docs" / "07-credits.md"


async def test_the_queries_of_the_page_hold_and_bite(database: Database) -> None:
    [block] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    queries = [query for query in block.split(";") if query.strip()]
    assert len(queries) == 2
    async with database.transaction() as tx:
        user_id = await make_user(tx)
        await service.grant(tx, user_id, 5, reason="", terms=Terms())
        job = await make_job(tx, user_id)
        await service.hold(tx, [NewHold(user_id, job.id, 2, "")], terms=Terms())
        assert [await tx.fetch_dicts(query) for query in queries] == [[], []]
        await tx.execute("UPDATE credit_account SET held = 1")
        await tx.execute("UPDATE job SET status = 'failed', completed_at = now()")
        assert all([await tx.fetch_dicts(query) for query in queries])
