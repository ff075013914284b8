"""What PostgreSQL would do for the statements of a read, without running them."""

from typing import Any

from emprops.kit.database import Parameters, Row, Transaction


class Explaining(Transaction):
    """Passed to a read in place of a transaction; afterwards ``plan`` is the plan of its last statement.

    Plans that do not use an index count as infinitely expensive, because on a test's few rows they would win.
    """

    plan = ""

    async def fetch_all(self, shape: type[Row], sql: str, parameters: Parameters = None) -> list[Row]:  # noqa: ARG002
        for way in ("seqscan", "bitmapscan"):
            await self.execute(f"SET LOCAL enable_{way} = off")
        self.plan = "\n".join(await super().fetch_values(f"EXPLAIN (COSTS OFF) {sql}", parameters))
        return []

    async def fetch_one(self, shape: type[Row], sql: str, parameters: Parameters = None) -> None:
        await self.fetch_all(shape, sql, parameters)

    async def fetch_values(self, sql: str, parameters: Parameters = None) -> list[Any]:
        return await self.fetch_all(object, sql, parameters)
