"""Statements: what a user had when a month began, what happened, and what was left. See docs/decisions/0044-money.md.

A statement is read in pages, each with a connection of its own for a moment, so that a long one keeps nobody waiting,
however slowly it is taken. It adds up all the same: entries are never changed, and which ones it has is settled first.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from emprops.credits import statement_queries as queries
from emprops.credits.queries import Entry
from emprops.credits.statement_queries import Frame
from emprops.credits.store import Account
from emprops.errors import BadRequestError
from emprops.kit.database import Transaction

PAGE = 1_000
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")

Connect = Callable[[], AbstractAsyncContextManager[Transaction]]


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC."""

    name: str
    begins: datetime
    ends: datetime


@dataclass(slots=True)
class Total:
    """What all entries of a kind did together, in micro-credits."""

    count: int = 0
    amount: int = 0
    available: int = 0
    held: int = 0


@dataclass(slots=True)
class Statement:
    """A month of a user's account. Totals and ``closing`` are right once all entries were read."""

    user_id: UUID
    month: Month
    complete: bool
    """Whether the month was over when the statement was made."""
    opening: Account
    closing: Account
    frame: Frame
    totals: dict[str, Total] = field(default_factory=dict)


def read_month(text: str, *, now: datetime) -> Month:
    """Read ``2026-01``. Raises :class:`~emprops.errors.BadRequestError`, also for a month that has not begun."""
    match = _MONTH.fullmatch(text)
    if match is None or match[1] == "0000":
        raise BadRequestError("month: must be a year and a month, such as 2026-01")
    year, month = int(match[1]), int(match[2])
    if (year, month) > (now.year, now.month):
        raise BadRequestError(f"month: {text} has not begun (UTC)")
    following = (year, month + 1) if month < 12 else (year + 1, 1)
    return Month(text, datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC))


async def open_statement(reader: Transaction, user_id: UUID, month: Month, *, now: datetime) -> Statement:
    """Begin a statement: settle which entries it has, and what there was before them."""
    frame = await queries.frame_of(reader, user_id, month.begins, month.ends) or Frame(0, 0, 0, 0)
    opening = Account(frame.available, frame.held)
    return Statement(user_id, month, month.ends <= now, opening, opening, frame)


async def entries_of(statement: Statement, connect: Connect) -> AsyncIterator[list[tuple[Entry, Account]]]:
    """Yield the entries in pages, oldest first, each with what the user had after it, and add them up."""
    first, last, month = statement.frame.first, statement.frame.last, statement.month
    while first and first <= last:
        async with connect() as reader:
            page = await queries.entries_from(
                reader, statement.user_id, month.begins, month.ends, first=first, last=last, limit=PAGE
            )
        yield [(entry, _add(statement, entry)) for entry in page]
        if len(page) < PAGE:
            return
        first = page[-1].id + 1


def _add(statement: Statement, entry: Entry) -> Account:
    available, held = entry.change_of("available"), entry.change_of("held")
    total = statement.totals.setdefault(entry.kind, Total())
    total.count += 1
    total.amount += entry.amount
    total.available += available
    total.held += held
    statement.closing = Account(statement.closing.available + available, statement.closing.held + held)
    return statement.closing
