"""Statements: they add up, from month to month and to the balance, in JSON and in CSV."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.apps import as_user
from tests.credits.rig import TERMS, hold, user_with
from tests.engines import Engines
from tests.plans import Explaining, gather
from typer.testing import CliRunner

from emprops.cli.main import app as cli
from emprops.credits import service, statement_queries, statements, store
from emprops.credits.amounts import MICROS, to_micros
from emprops.credits.parts import Settlement
from emprops.credits.statement_formats import harmless
from emprops.errors import BadRequestError
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
MONTHS = ("2025-11", "2025-12", "2026-01", "2026-02")


async def dated(tx: Transaction, user_id: UUID, *moments: str) -> None:
    """Move the user's entries, in their order, to these moments; the last ones stay."""
    await tx.execute("ALTER TABLE credit_entry DISABLE TRIGGER credit_entry_append_only")
    ids = await tx.fetch_values("SELECT id FROM credit_entry WHERE user_id = %s ORDER BY id", (user_id,))
    for entry_id, moment in zip(ids, moments, strict=False):
        await tx.execute("UPDATE credit_entry SET created_at = %s WHERE id = %s", (moment, entry_id))
    await tx.execute("ALTER TABLE credit_entry ENABLE TRIGGER credit_entry_append_only")


async def eventful(database: Database) -> UUID:
    """A user to whom everything has happened that can, over some months."""
    async with database.transaction() as tx:
        user_id = await user_with(tx, 100 * MICROS)
        for amount in (-5, 3):
            await service.adjust(tx, user_id, amount * MICROS, reason="counted", terms=TERMS)
        spent, failed, owed, used = [await hold(tx, user_id, 10 * MICROS) for _ in range(4)]
        await service.capture(tx, {spent: None})
        await service.release(tx, failed)
        await service.capture(tx, {used: Settlement(250_001, "chat: 5 tokens", {}, 0)})
        await service.release(tx, owed)
        await store.note_unpaid(tx, owed, "later")
        await hold(tx, user_id, 1)
        await dated(
            tx,
            user_id,
            "2025-12-01T00:00:00Z",
            "2025-12-31T23:59:59.999999Z",
            *["2026-01-01T00:00:00Z"] * 6,
            *["2026-01-20T10:00:00Z"] * 3,
            *["2026-02-28T10:00:00Z"] * 10,
        )
    return user_id


async def statement_of(client: httpx2.AsyncClient, user_id: UUID, month: str) -> dict[str, Any]:
    response = await client.get(f"/credits/statements/{month}", headers=as_user(user_id))
    assert response.status_code == 200, response.text
    return dict(response.json()["data"])


async def table_of(client: httpx2.AsyncClient, user_id: UUID, month: str) -> list[dict[str, str]]:
    response = await client.get(f"/credits/statements/{month}?format=csv", headers=as_user(user_id))
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="credits-{month}.csv"'
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


async def test_months_follow_each_other_and_lead_to_the_balance(database: Database, client: httpx2.AsyncClient) -> None:
    user_id = await eventful(database)
    before, kinds = {"balance": 0, "held": 0, "available": 0}, set()
    for month in MONTHS:
        statement = await statement_of(client, user_id, month)
        assert statement["opening"] == before
        for what in ("available", "held"):
            moved = sum(to_micros(total[what]) for total in statement["totals"])
            assert moved == sum(to_micros(entry[what]) for entry in statement["entries"])
            assert to_micros(before[what]) + moved == to_micros(statement["closing"][what])
        assert sum(total["count"] for total in statement["totals"]) == len(statement["entries"])
        kinds |= {entry["kind"] for entry in statement["entries"]}
        assert statement["complete"]
        before = statement["closing"]
    account = (await client.get("/credits", headers=as_user(user_id))).json()["data"]
    assert {name: account[name] for name in before} == before
    assert kinds == {"grant", "adjust", "hold", "capture", "release", "settle", "unpaid"}


async def test_csv_has_what_there_was_after_each_entry(database: Database, client: httpx2.AsyncClient) -> None:
    user_id = await eventful(database)
    for month in MONTHS:
        statement, rows = await statement_of(client, user_id, month), await table_of(client, user_id, month)
        opening, *entries, closing = [row for row in rows if not row["kind"].startswith("total ")]
        assert (opening["kind"], closing["kind"]) == ("opening", "closing")
        left = {what: to_micros(opening[what]) for what in ("available", "held")}
        assert left == {what: to_micros(statement["opening"][what]) for what in left}
        for row, entry in zip(entries, statement["entries"], strict=True):
            assert (row["id"], row["kind"], row["job_id"]) == (entry["id"], entry["kind"], entry["job_id"] or "")
            assert datetime.fromisoformat(row["time"]) == datetime.fromisoformat(entry["created_at"])
            left = {what: left[what] + to_micros(entry[what]) for what in left}
            assert {what: to_micros(row[what]) for what in left} == left
        assert {what: to_micros(closing[what]) for what in left} == left
        totals = {row["kind"].removeprefix("total "): row["amount"] for row in rows if row["kind"].startswith("total ")}
        assert {kind: to_micros(amount) for kind, amount in totals.items()} == {
            total["kind"]: to_micros(total["amount"]) for total in statement["totals"]
        }


@pytest.mark.parametrize("size", [1, 2, 5, 8, 1000])
async def test_pages_of_any_size_give_the_same(
    database: Database, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    user_id = await eventful(database)
    whole = [await statement_of(client, user_id, month) for month in MONTHS]
    monkeypatch.setattr(statements, "PAGE", size)
    assert [await statement_of(client, user_id, month) for month in MONTHS] == whole


async def test_what_happens_while_a_statement_is_read_is_not_in_it(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        now = await tx.fetch_value("SELECT now()")
    month = statements.read_month(f"{now:%Y-%m}", now=now)
    async with database.reader() as reader:
        statement = await statements.open_statement(reader, user_id, month, now=now)
    async with database.transaction() as tx:
        await hold(tx, user_id, 2)
    pages = [page async for page in statements.entries_of(statement, database.reader)]
    assert [entry.kind for page in pages for entry, _ in page] == ["grant"]
    assert statement.closing == store.Account(available=5)
    assert not statement.complete


async def test_a_large_one_is_read_in_pages(database: Database, client: httpx2.AsyncClient) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 1)
        await tx.execute(
            """
            INSERT INTO credit_entry (user_id, kind, source, target, amount, reason)
            SELECT %s, 'grant', 'granted', 'available', 2, 'n' FROM generate_series(1, 2999)
            """,
            (user_id,),
        )
        await tx.execute("UPDATE credit_account SET available = 5999 WHERE user_id = %s", (user_id,))
        month = f"{await tx.fetch_value('SELECT now()'):%Y-%m}"
    statement = await statement_of(client, user_id, month)
    assert len(statement["entries"]) == 3000
    assert (statement["opening"]["balance"], statement["closing"]["balance"]) == (0, 0.005999)
    rows = await table_of(client, user_id, month)
    assert [row["available"] for row in rows[-3:] if row["available"]] == ["0.005999"] * 2


FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1")


async def test_no_cell_is_a_formula(database: Database, client: httpx2.AsyncClient) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 1)
        for reason in (*FORMULAS, 'plain, "quoted"\nand = + - @ inside', "Größe ☃"):
            await service.grant(tx, user_id, 1, reason=reason, terms=TERMS)
        month = f"{await tx.fetch_value('SELECT now()'):%Y-%m}"
    rows = await table_of(client, user_id, month)
    reasons = [row["reason"] for row in rows if row["kind"] == "grant"][1:]
    assert reasons == [*(f"'{reason}" for reason in FORMULAS), 'plain, "quoted"\nand = + - @ inside', "Größe ☃"]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


@given(st.text())
def test_a_harmless_cell_has_all_of_its_text(text: str) -> None:
    made = harmless(text)
    assert made in (text, f"'{text}")
    assert not made.startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    ("month", "sentence"),
    [
        ("2026", "month: must be a year and a month, such as 2026-01"),
        ("2026-13", "month: must be a year and a month, such as 2026-01"),
        ("2026-1", "month: must be a year and a month, such as 2026-01"),
        ("0000-01", "month: must be a year and a month, such as 2026-01"),
        ("２０２６-01", "month: must be a year and a month, such as 2026-01"),
        ("2026-04", "month: 2026-04 has not begun (UTC)"),
    ],
)
def test_what_is_no_month_is_refused(month: str, sentence: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        statements.read_month(month, now=NOW)
    assert refusal.value.message == sentence


def test_a_month_ends_where_the_next_begins() -> None:
    december = statements.read_month("2025-12", now=NOW)
    assert (december.begins, december.ends) == (datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    assert statements.read_month("2026-03", now=NOW).begins == datetime(2026, 3, 1, tzinfo=UTC)


async def test_services_name_the_user_and_others_see_their_own(
    database: Database, client: httpx2.AsyncClient, service: dict[str, str]
) -> None:
    user_id = await eventful(database)
    path = "/credits/statements/2026-01"
    named = await client.get(path, headers=service | as_user(user_id))
    assert named.json()["data"] == await statement_of(client, user_id, "2026-01")
    assert (await client.get(path, headers=service)).status_code == 401
    assert (await client.get("/credits/statements/2026-13", headers=as_user(user_id))).status_code == 400
    empty = await statement_of(client, new_id(), "2026-01")
    assert (empty["entries"], empty["totals"], empty["closing"]["balance"]) == ([], [], 0)


async def test_a_statement_is_read_by_indexes(database: Database) -> None:
    month = statements.read_month("2026-02", now=NOW)
    async with database.transaction() as tx:
        users = [await user_with(tx, MICROS), await user_with(tx, MICROS)]
        await tx.execute(
            """
            INSERT INTO credit_entry (user_id, kind, source, target, amount, created_at)
            SELECT (%s::uuid[])[1 + n %% 2], 'grant', 'granted', 'available', n,
                   '2026-03-01Z'::timestamptz - n * interval '1 hour'
            FROM generate_series(1, 6000) n
            """,
            (users,),
        )
        await gather(tx, "credit_entry", "credit_account")
        explaining = Explaining(tx.connection)
        await statement_queries.frame_of(explaining, users[0], month.begins, month.ends)
        assert "credit_entry_of_user_by_time" in explaining.plan
        await statement_queries.entries_from(
            explaining, users[0], month.begins, month.ends, first=5, last=500, limit=100
        )
        assert "Seq Scan" not in explaining.plan


async def test_the_command_prints_a_statement(
    database: Database, client: httpx2.AsyncClient, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id = await eventful(database)
    monkeypatch.setenv("DATABASE_URL", engines.database_url)

    async def run(*options: str) -> Any:
        arguments = ["credits", "statement", str(user_id), *options]
        return await asyncio.to_thread(CliRunner().invoke, cli, arguments)

    text = (await run("2026-01")).stdout.splitlines()
    assert text[0].split("\t") == ["time", "kind", "amount", "available", "held", "reason"]
    assert text[1].split("\t")[1:5] == ["opening", "", "95", "0"]
    assert text[-1].split("\t")[1] == "closing"
    response = await client.get("/credits/statements/2026-01?format=csv", headers=as_user(user_id))
    assert (await run("2026-01", "--csv")).stdout_bytes == response.content
    assert json.loads((await run("2026-01", "--json")).stdout) == await statement_of(client, user_id, "2026-01")
    assert (await run()).stdout.splitlines()[1].split("\t")[1] == "opening"
    assert (await run("soon")).stderr == "month: must be a year and a month, such as 2026-01\n"
