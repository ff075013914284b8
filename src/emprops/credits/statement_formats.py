"""Statements as CSV and JSON, in pieces: nothing holds a whole one."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import orjson

from emprops.credits.amounts import to_number, to_text
from emprops.credits.schemas import account_json, entry_json
from emprops.credits.statements import Connect, Statement, entries_of
from emprops.credits.store import Account

COLUMNS = ("time", "id", "kind", "amount", "available", "held", "job_id", "reason")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a cell for a formula, full-width forms included."""


async def as_csv(statement: Statement, connect: Connect) -> AsyncIterator[str]:
    """Yield a statement as CSV (RFC 4180): the opening balance, each entry with what the user had after it, the totals
    by kind, and the closing balance."""
    opening = _balance_row("opening", statement.opening, f"{statement.month.begins:%Y-%m-%dT%H:%M:%SZ}")
    yield _lines([COLUMNS, opening])
    async for page in entries_of(statement, connect):
        yield _lines(
            (
                f"{entry.created_at:%Y-%m-%dT%H:%M:%S.%fZ}",
                str(entry.id),
                entry.kind,
                to_text(entry.amount),
                to_text(after.available),
                to_text(after.held),
                "" if entry.job_id is None else str(entry.job_id),
                entry.reason,
            )
            for entry, after in page
        )
    totals = [
        ("", "", f"total {kind}", to_text(total.amount), "", "", "", f"entries: {total.count}")
        for kind, total in sorted(statement.totals.items())
    ]
    yield _lines([*totals, _balance_row("closing", statement.closing, "")])


def _balance_row(kind: str, account: Account, time: str) -> tuple[str, ...]:
    return time, "", kind, "", to_text(account.available), to_text(account.held), "", ""


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet runs as a formula: one that could be gets an apostrophe before it."""
    return f"'{cell}" if cell.startswith(DANGEROUS) else cell


async def as_json(statement: Statement, connect: Connect) -> AsyncIterator[bytes]:
    """Yield a statement as the API's JSON reply."""
    head = {
        "user_id": statement.user_id,
        "month": statement.month.name,
        "complete": statement.complete,
        "opening": account_json(statement.opening),
    }
    yield b'{"data":' + _bytes(head)[:-1] + b',"entries":['
    separator = b""
    async for page in entries_of(statement, connect):
        if page:
            yield separator + b",".join(_bytes(entry_json(entry)) for entry, _ in page)
            separator = b","
    tail = {"totals": totals_json(statement), "closing": account_json(statement.closing)}
    yield b"]," + _bytes(tail)[1:] + b',"error":null}'


def totals_json(statement: Statement) -> list[dict[str, Any]]:
    """Show the totals by kind."""
    return [
        {
            "kind": kind,
            "count": total.count,
            "amount": to_number(total.amount),
            "available": to_number(total.available),
            "held": to_number(total.held),
        }
        for kind, total in sorted(statement.totals.items())
    ]


def _bytes(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)
