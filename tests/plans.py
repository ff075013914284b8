"""What PostgreSQL would do for the statements of a read, without running them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tests.factories import make_collection, make_user

from emprops.kit.database import Parameters, Row, Transaction


class Explaining(Transaction):
    """Passed to a read in place of a transaction; afterwards ``plan`` is the plan of its last statement, and ``plans``
    has those of all.

    Plans that do not use an index count as infinitely expensive. That alone does not decide between two indexes: fill
    the tables first (:func:`many_jobs`, :func:`gather`), or the plan depends on what ran before on this server.
    """

    plan = ""
    plans: tuple[str, ...] = ()
    without: Sequence[str] = ("seqscan", "bitmapscan")
    """Ways that are no use of an index in the order of a list."""

    async def fetch_all(self, shape: type[Row], sql: str, parameters: Parameters = None) -> list[Row]:  # noqa: ARG002
        for way in self.without:
            await self.execute(f"SET LOCAL enable_{way} = off")
        self.plan = "\n".join(await super().fetch_values(f"EXPLAIN (COSTS OFF) {sql}", parameters))
        self.plans = (*self.plans, self.plan)
        return []

    async def fetch_one(self, shape: type[Row], sql: str, parameters: Parameters = None) -> None:
        await self.fetch_all(shape, sql, parameters)

    async def fetch_values(self, sql: str, parameters: Parameters = None) -> list[Any]:
        return await self.fetch_all(object, sql, parameters)

    async def fetch_value(self, sql: str, parameters: Parameters = None) -> int:
        await self.fetch_all(object, sql, parameters)
        return 0


async def gather(tx: Transaction, *tables: str) -> None:
    """Gather statistics of tables that were just filled."""
    await tx.execute(f"ANALYZE {', '.join(tables)}")


async def many_jobs(tx: Transaction) -> UUID:
    """Make thousands of jobs of two users, most of them ended, with steps and history. Returns one of the users."""
    users = [await make_user(tx), await make_user(tx)]
    collections = [(await make_collection(tx)).id for _ in range(4)]
    await tx.execute(
        """
        INSERT INTO job (id, user_id, collection_id, name, total_steps, data, status,
                         completed_at, created_at, updated_at)
        SELECT gen_random_uuid(), (%(users)s::uuid[])[1 + n %% 2], (%(collections)s::uuid[])[1 + n / 2 %% 4],
               '', 1, '{}', status,
               CASE WHEN status IN ('completed', 'failed') THEN now() END,
               now() - n * interval '1 minute', now() - n * interval '1 minute'
        FROM (SELECT n, CASE WHEN n %% 100 < 3 THEN 'processing' WHEN n %% 100 < 20 THEN 'failed' ELSE 'completed' END
              FROM generate_series(1, 4000) n) AS made (n, status)
        """,
        {"users": users, "collections": collections},
    )
    await tx.execute(
        """
        INSERT INTO step (id, job_id, step_order, step_name, step_type, input_data, status, completed_at, updated_at)
        SELECT gen_random_uuid(), id, 1, 'paint', 'local_image', '{}', status, completed_at, updated_at FROM job
        """
    )
    await tx.execute(
        "INSERT INTO job_history (job_id, status, message)"
        " SELECT id, status, 'told' FROM job, generate_series(1, 3) ORDER BY random()"
    )
    await gather(tx, "job", "step", "job_history")
    return users[0]
