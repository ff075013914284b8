"""What a check of the audit log finds, in a database that somebody has changed behind its triggers."""

from dataclasses import replace

import pytest

from emprops.audit import queries, service
from emprops.audit.actions import Action
from emprops.audit.chain import Entry, digest, fields_of, links
from emprops.audit.chaining import chain_entries, expire_entries
from emprops.audit.checking import Expected, Report, check_log
from emprops.kit.database import Database


@pytest.fixture
async def log(database: Database) -> list[Entry]:
    """Twenty chained entries."""
    async with database.transaction() as tx:
        for number in range(1, 21):
            await service.record(tx, "cli:anna", Action.WORKERS_PAUSED, f"machine:{number}", {"number": number})
    await chain_entries(database)
    async with database.reader() as reader:
        return await queries.along_the_chain(reader, after=0, limit=100)


async def meddle(database: Database, statement: str, *values: object) -> None:
    """Do what the owner of the database can do, whatever the triggers say."""
    async with database.transaction() as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        assert await tx.execute(statement, values)


async def check(database: Database, expected: Expected | None = None) -> Report:
    async with database.transaction() as tx:
        return await check_log(tx, expected)


async def test_a_log_that_nobody_touched_is_sound(database: Database, log: list[Entry]) -> None:
    report = await check(database)
    assert (report.problems, report.entries, report.position, report.hash) == ([], 20, 20, log[-1].hash)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'cli:bert'",
        "action = 'workers.resumed'",
        "target = 'machine:7'",
        "details = '{\"number\": 7}'",
        "details = details || '{\"more\": 1}'",
        "at = at + interval '1 microsecond'",
        "user_id = '0192f0c8-0000-7000-8000-00000000000a'",
        "request_id = 'another'",
        "hash = decode(repeat('ab', 32), 'hex')",
    ],
)
async def test_one_changed_row_is_found_and_named(change: str, database: Database, log: list[Entry]) -> None:
    await meddle(database, f"UPDATE audit_entry SET {change} WHERE position = 13")
    [problem] = (await check(database)).problems
    assert problem == f"The entry at position 13 (id {log[12].id}) was changed."


async def test_a_row_that_was_changed_with_its_hash_is_found(database: Database, log: list[Entry]) -> None:
    forged = replace(log[12], actor="cli:bert")
    hashed = digest(fields_of(forged, 13, forged.previous))
    await meddle(database, "UPDATE audit_entry SET actor = 'cli:bert', hash = %s WHERE position = 13", hashed)
    [problem] = (await check(database)).problems
    assert "position 13 was changed together with its hash" in problem


async def test_a_removed_row_is_found(database: Database, log: list[Entry]) -> None:
    await meddle(database, "DELETE FROM audit_entry WHERE position = 13")
    assert (await check(database)).problems == ["The entry at position 13 was removed."]
    await meddle(database, "DELETE FROM audit_entry WHERE position IN (14, 15)")
    assert (await check(database)).problems == ["Entries 13 to 15 were removed."]


async def test_a_removed_front_is_found_unless_it_was_old(database: Database, log: list[Entry]) -> None:
    await meddle(database, "DELETE FROM audit_entry WHERE position <= 2")
    [problem] = (await check(database)).problems
    assert problem == "The entries before position 3 were removed, and not because of their age."


async def test_more_removed_than_what_was_old_is_found(database: Database, log: list[Entry]) -> None:
    assert await expire_entries(database, 1e-9) == 19
    assert (await check(database)).problems == []
    await meddle(database, "DELETE FROM audit_entry WHERE position = 20")
    assert "before position 21 were removed" in (await check(database)).problems[0]


async def test_a_removed_end_is_found(database: Database, log: list[Entry]) -> None:
    await meddle(database, "DELETE FROM audit_entry WHERE position > 17")
    assert (await check(database)).problems == ["The end was removed: entries 18 to 20."]
    await meddle(database, "DELETE FROM audit_entry")
    assert (await check(database)).problems == ["The end was removed: entries 1 to 20."]


async def test_an_inserted_row_is_found(database: Database, log: list[Entry]) -> None:
    await meddle(database, "UPDATE audit_entry SET position = position + 100 WHERE position > 12")
    await meddle(database, "UPDATE audit_entry SET position = position - 99 WHERE position > 100")
    [forged] = links([replace(log[12], actor="cli:bert", id=99)], 12, log[11].hash or b"")
    await meddle(
        database,
        "INSERT INTO audit_entry (id, at, actor, action, target, details, position, previous, hash)"
        " OVERRIDING SYSTEM VALUE VALUES (99, %s, 'cli:bert', 'workers.paused', 'machine:13', '{\"number\": 13}',"
        " 13, %s, %s)",
        log[12].at,
        forged.previous,
        forged.hash,
    )
    problems = (await check(database)).problems
    assert "the one after it was inserted" in problems[0] or "position 13 was changed together" in problems[0]


async def test_a_chain_made_anew_is_found_by_a_hash_that_was_kept(database: Database, log: list[Entry]) -> None:
    kept = Expected(15, log[14].hash or b"")
    assert (await check(database, kept)).problems == []
    anew = links([replace(one, actor="cli:bert") for one in log], 0, bytes(32))
    await meddle(database, "UPDATE audit_entry SET actor = 'cli:bert'")
    for link in anew:
        await meddle(
            database,
            "UPDATE audit_entry SET previous = %s, hash = %s WHERE position = %s",
            link.previous,
            link.hash,
            link.position,
        )
    await meddle(database, "UPDATE audit_head SET hash = %s", anew[-1].hash)
    assert (await check(database)).problems == []
    [problem] = (await check(database, kept)).problems
    assert "position 15 is not the one whose hash you gave" in problem


async def test_an_entry_removed_before_it_was_chained_leaves_a_gap(database: Database, log: list[Entry]) -> None:
    async with database.transaction() as tx:
        for target in ("before", "removed", "after"):
            await service.record(tx, "cli:anna", Action.WORKERS_PAUSED, target)
    await meddle(database, "DELETE FROM audit_entry WHERE target = 'removed'")
    await chain_entries(database)
    assert (await check(database)).gaps == [], "a transaction that is still open may have that id"
    await meddle(database, "UPDATE audit_entry SET at = at - interval '1 hour'")
    [gap] = (await check(database)).gaps
    assert gap.first == gap.last == log[-1].id + 2


@pytest.mark.parametrize("part", [1, 2, 3, 7, 100])
async def test_gaps_are_found_in_parts_of_any_size(
    part: int, database: Database, log: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PART", part)
    first = log[0].id
    await meddle(database, "UPDATE audit_entry SET at = at - interval '1 hour'")
    await meddle(database, "DELETE FROM audit_entry WHERE id = ANY(%s)", [first + 1, first + 7, first + 8, first + 9])
    gaps = (await check(database)).gaps
    assert [(gap.first - first, gap.last - first) for gap in gaps] == [(1, 1), (7, 9)]
