"""Entries of the audit log: appended with what they tell of, chained later, by one process at a time."""

import asyncio
from typing import Any

import psycopg
import pytest

from emprops.audit import queries, service
from emprops.audit.actions import Action
from emprops.audit.chain import BEGINNING, Entry
from emprops.audit.chaining import chain_entries, expire_entries
from emprops.audit.checking import check_log
from emprops.kit.database import Database
from emprops.kit.ids import new_id


async def record(database: Database, target: str, **details: Any) -> None:
    async with database.transaction() as tx:
        await service.record(tx, "cli:anna", Action.WORKERS_PAUSED, target, details)


async def entries(database: Database) -> list[Entry]:
    async with database.reader() as reader:
        return await queries.along_the_chain(reader, after=0, limit=1000)


async def test_an_entry_is_stored_with_what_it_tells_of_or_not_at_all(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await service.record(tx, "cli:anna", Action.WORKERS_PAUSED, "workers")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await record(database, "machine:gpu-1")
    assert await chain_entries(database) == 1
    assert [one.target for one in await entries(database)] == ["machine:gpu-1"]


async def test_each_entry_has_the_hash_of_the_one_before(database: Database) -> None:
    for target in ("a", "b"):
        await record(database, target)
    assert await chain_entries(database) == 2
    await record(database, "c")
    assert await chain_entries(database) == 1
    first, second, third = await entries(database)
    assert [one.position for one in (first, second, third)] == [1, 2, 3]
    assert (first.previous, second.previous, third.previous) == (BEGINNING, first.hash, second.hash)
    assert await chain_entries(database) == 0


async def test_concurrent_writers_and_chainers_make_one_chain(database: Database) -> None:
    async def write(number: int) -> None:
        for at in range(10):
            await record(database, f"machine:{number}-{at}")

    async def chain() -> None:
        for _ in range(15):
            await chain_entries(database)

    await asyncio.gather(*(write(number) for number in range(6)), *(chain() for _ in range(3)))
    await chain_entries(database)
    assert [one.position for one in await entries(database)] == list(range(1, 61))
    async with database.transaction() as tx:
        found = await check_log(tx)
    assert (found.problems, found.entries, found.unchained) == ([], 60, 0)


async def test_an_entry_that_commits_late_joins_behind_those_that_were_there(database: Database) -> None:
    async with database.transaction() as late:
        await service.record(late, "cli:anna", Action.WORKERS_PAUSED, "late")
        await record(database, "early")
        await chain_entries(database)
    await chain_entries(database)
    assert [one.target for one in await entries(database)] == ["early", "late"]
    async with database.transaction() as tx:
        assert (await check_log(tx)).problems == []


async def test_appending_waits_for_nobody_who_chains(database: Database) -> None:
    await record(database, "a")
    async with database.transaction() as tx:
        await tx.execute("SELECT FROM audit_head FOR UPDATE")
        await record(database, "b")
        assert await chain_entries(database) == 0, "somebody else extends the chain"
    assert await chain_entries(database) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entry SET actor = 'cli:bert'",
        "UPDATE audit_entry SET position = NULL, previous = NULL, hash = NULL",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ],
)
async def test_the_table_refuses_changes(change: str, database: Database) -> None:
    await record(database, "chained")
    await chain_entries(database)
    await record(database, "not yet")
    async with database.reader() as connection:
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            await connection.execute(change)


async def test_secrets_and_long_texts_stay_out(database: Database) -> None:
    key, token = "emp_abcd1234_" + "k" * 43, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"
    await record(database, f"key {key}", given=[key, {"a": token}], text="x" * 1000, user=new_id(), none=None, n=1.5)
    await chain_entries(database)
    [entry] = await entries(database)
    assert entry.target == "key emp_abcd1234_…"
    assert entry.details["given"] == ["emp_abcd1234_…", {"a": "…"}]
    assert len(entry.details["text"]) == service.MAX_TEXT
    assert (entry.details["none"], entry.details["n"]) == (None, 1.5)


async def age(database: Database, positions: int, days: int) -> None:
    """Make the first entries older, as time would; their hashes are made anew with the chain."""
    async with database.transaction() as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute(
            "UPDATE audit_entry SET at = at - %s * interval '1 day' WHERE id IN"
            " (SELECT id FROM audit_entry ORDER BY id LIMIT %s)",
            (days, positions),
        )


async def test_old_entries_go_and_the_rest_can_still_be_checked(database: Database) -> None:
    for number in range(10):
        await record(database, f"machine:{number}")
    await age(database, 6, 40)
    await chain_entries(database)
    sixth = (await entries(database))[5]
    assert await expire_entries(database, 0) == 0
    assert await expire_entries(database, 90) == 0
    assert await expire_entries(database, 30) == 6
    left = await entries(database)
    assert [one.position for one in left] == [7, 8, 9, 10, 11]
    assert (left[-1].action, left[-1].actor) == (Action.ENTRIES_EXPIRED, "emprops")
    assert left[-1].details == {"through": 6, "hash": (sixth.hash or b"").hex(), "entries": 6, "days": 30}
    async with database.transaction() as tx:
        assert (await check_log(tx)).problems == []
    assert await expire_entries(database, 30) == 0, "there is nothing more to remove, and no more entry about it"


async def test_entries_keep_their_order_when_old_ones_stand_behind_young_ones(database: Database) -> None:
    for number in range(4):
        await record(database, f"machine:{number}")
    async with database.transaction() as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute("UPDATE audit_entry SET at = at - interval '40 days' WHERE target <> 'machine:1'")
    await chain_entries(database)
    assert await expire_entries(database, 30) == 1
    assert [one.position for one in await entries(database)] == [2, 3, 4, 5]


async def test_expiry_can_remove_its_own_older_entries(database: Database) -> None:
    for number in range(4):
        await record(database, f"machine:{number}")
    await age(database, 2, 40)
    await chain_entries(database)
    assert await expire_entries(database, 30) == 2
    await record(database, "young")
    await chain_entries(database)
    assert await expire_entries(database, 1e-9) == 3  # all but the end of the chain
    left = await entries(database)
    assert [one.position for one in left] == [6, 7]
    async with database.transaction() as tx:
        assert (await check_log(tx)).problems == []
