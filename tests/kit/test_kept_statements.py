"""Which statements PostgreSQL keeps for a connection, and what becomes of them."""

from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from tests.engines import Engines

from emprops.kit import statements as module
from emprops.kit.database import Database


async def kept(pool: Database, part: str) -> list[str]:
    """The statements with this part that PostgreSQL keeps for the only connection."""
    async with pool.reader() as reader:
        known = await reader.fetch_values("SELECT statement FROM pg_prepared_statements ORDER BY prepare_time")
    return [text for text in known if part in text]


async def test_a_statement_that_is_used_often_is_kept_once(pool: Database) -> None:
    for n in range(module.KEPT_AFTER + 3):
        async with pool.reader() as reader:
            assert await reader.fetch_value("SELECT %s::int + 1", (n,)) == n + 1
    assert await kept(pool, "+ 1") == ["SELECT $1::int + 1"]


async def test_of_many_statements_those_used_last_are_kept(pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 4)
    for n in range(9):
        for use in range(module.KEPT_AFTER + 2):
            async with pool.reader() as reader:
                assert await reader.fetch_value(f"SELECT %s::int + {n}", (use,)) == use + n
    assert await kept(pool, "SELECT $1") == [f"SELECT $1::int + {n}" for n in (5, 6, 7, 8)]


async def test_an_error_does_not_cost_what_is_kept(pool: Database) -> None:
    for n in range(module.KEPT_AFTER + 2):
        async with pool.reader() as reader:
            await reader.fetch_value("SELECT 6 / %s::int", (n + 1,))
            await reader.connection.execute("SELECT 5")  # psycopg would keep this, and forget all after a rollback
    for _ in range(3):
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with pool.transaction() as tx:
                await tx.fetch_value("SELECT 6 / %s::int", (0,))
    assert await kept(pool, "6 /") == ["SELECT 6 / $1::int"]
    async with pool.transaction() as tx:
        assert await tx.fetch_value("SELECT 6 / %s::int", (3,)) == 2


async def test_a_statement_that_a_migration_has_outdated_fails_once(pool: Database, engines: Engines) -> None:
    async def look() -> list[int]:
        async with pool.reader() as reader:
            return await reader.fetch_values("SELECT n FROM jar WHERE n < %s", (9,))

    for _ in range(module.KEPT_AFTER + 2):
        await look()
    with psycopg.connect(engines.database_url, autocommit=True) as migration:
        migration.execute("ALTER TABLE jar ALTER n TYPE bigint")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        await look()
    assert await look() == []


async def test_a_statement_that_cannot_be_kept_is_tried_again(pool: Database) -> None:
    """It failed when it was to be kept; it is neither lost nor believed to be there."""
    for _ in range(module.KEPT_AFTER + 3):
        async with pool.reader() as reader:
            with pytest.raises(psycopg.errors.UndefinedTable):
                await reader.fetch_value("SELECT n FROM lid WHERE n = %s", (1,))
    async with pool.transaction() as tx:
        await tx.execute("CREATE TABLE lid (n int)")
    async with pool.reader() as reader:
        assert await reader.fetch_value("SELECT n FROM lid WHERE n = %s", (1,)) is None
        await reader.execute("DROP TABLE lid")


async def test_a_column_that_a_migration_has_renamed_is_not_read_by_its_old_name(
    pool: Database, engines: Engines
) -> None:
    async def look() -> list[dict[str, Any]]:
        async with pool.reader() as reader:
            return await reader.fetch_dicts("SELECT * FROM lid WHERE n = %s", (1,))

    with psycopg.connect(engines.database_url, autocommit=True) as migration:
        migration.execute("CREATE TABLE lid AS SELECT 1 AS n, 2 AS size")
        try:
            for _ in range(module.KEPT_AFTER + 2):
                assert await look() == [{"n": 1, "size": 2}]
            migration.execute("ALTER TABLE lid RENAME size TO width")
            with pytest.raises(psycopg.errors.FeatureNotSupported):
                await look()
            assert await look() == [{"n": 1, "width": 2}]
        finally:
            migration.execute("DROP TABLE lid")


@dataclass(frozen=True)
class Lid:
    n: int
    width: int


@pytest.mark.parametrize("columns", ["%s::int AS n, 2 AS width", "2 AS width, %s::int AS n"])
async def test_columns_become_the_fields_of_their_names_in_any_order(pool: Database, columns: str) -> None:
    for n in range(module.KEPT_AFTER + 3):
        async with pool.reader() as reader:
            assert await reader.fetch_all(Lid, f"SELECT {columns}", (n,)) == [Lid(n, 2)]
