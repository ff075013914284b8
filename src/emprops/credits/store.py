"""SQL on credits. Each function is one statement, in the caller's transaction; every spend is one guarded UPDATE.

Job rows are locked before accounts, accounts before spending limits, limits before outputs and decks. To move the money
of several jobs in one transaction, call :func:`lock_accounts` first, so that two of them never wait for each other.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from emprops.credits.amounts import LARGEST
from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class Account:
    """What a user has, in micro-credits."""

    available: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger: ``amount`` micro-credits went from one account to another."""

    id: int
    kind: str
    source: str
    target: str
    amount: int
    job_id: UUID | None
    reason: str
    created_at: datetime

    def change_of(self, account: str) -> int:
        """Return what the entry did to one of the accounts, signed."""
        return (self.amount if self.target == account else 0) - (self.amount if self.source == account else 0)


async def open_account(tx: Transaction, user_id: UUID, initial: int) -> None:
    """Open a user's account with ``initial`` micro-credits, if it is not open. The user must exist."""
    await tx.execute(
        """
        WITH opened AS (
            INSERT INTO credit_account (user_id, available) VALUES (%(user_id)s, %(initial)s)
            ON CONFLICT DO NOTHING RETURNING user_id
        )
        INSERT INTO credit_entry (user_id, kind, source, target, amount, reason)
        SELECT user_id, 'grant', 'granted', 'available', %(initial)s, 'Initial credits' FROM opened
        WHERE %(initial)s::bigint > 0
        """,
        {"user_id": user_id, "initial": initial},
    )


async def account_of(tx: Transaction, user_id: UUID) -> Account | None:
    """Return a user's account, or None if it was never opened."""
    return await tx.fetch_one(Account, "SELECT available, held FROM credit_account WHERE user_id = %s", (user_id,))


async def add(tx: Transaction, user_id: UUID, *, kind: str, amount: int, reason: str) -> int | None:
    """Grant a user credits, or with a negative amount (``adjust`` only) take some back. Returns the entry's id; None,
    and nothing happens, if the account is not open, would fall below zero or grow beyond the largest amount."""
    entry_id: int | None = await tx.fetch_value(
        """
        WITH moved AS (
            UPDATE credit_account SET available = available + %(amount)s, updated_at = now()
            WHERE user_id = %(user_id)s AND available + %(amount)s >= 0 AND available + held + %(amount)s <= %(largest)s
            RETURNING user_id
        )
        INSERT INTO credit_entry (user_id, kind, source, target, amount, reason)
        SELECT user_id, %(kind)s, %(source)s, %(target)s, abs(%(amount)s), %(reason)s FROM moved
        RETURNING id
        """,
        {
            "user_id": user_id,
            "kind": kind,
            "amount": amount,
            "largest": LARGEST,
            "source": "granted" if amount > 0 else "available",
            "target": "available" if amount > 0 else "granted",
            "reason": reason,
        },
    )
    return entry_id


class AlreadyHeldError(Exception):
    """The job has a hold already; the transaction can only be rolled back."""


@dataclass(frozen=True, slots=True)
class NewHold:
    """What is to be set aside for a new job."""

    user_id: UUID
    job_id: UUID
    amount: int
    reason: str
    key_id: UUID | None = None
    """The API key that starts the job."""


async def hold(tx: Transaction, new: NewHold) -> bool:
    """Set credits aside for a new job. False, and nothing happens, if the user does not have them.

    Raises :class:`AlreadyHeldError`.
    """
    try:
        return (
            await tx.execute(
                """
            WITH paid AS (
                UPDATE credit_account
                SET available = available - %(amount)s, held = held + %(amount)s, updated_at = now()
                WHERE user_id = %(user_id)s AND available >= %(amount)s
                RETURNING user_id
            ), new AS (
                INSERT INTO credit_hold (job_id, user_id, amount, key_id)
                SELECT %(job_id)s, user_id, %(amount)s, %(key_id)s FROM paid RETURNING job_id, user_id, amount, round
            )
            INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round, reason)
            SELECT user_id, 'hold', 'available', 'held', amount, job_id, round, %(reason)s FROM new
            """,
                asdict(new),
            )
            == 1
        )
    except psycopg.errors.UniqueViolation:
        raise AlreadyHeldError from None


async def hold_again(tx: Transaction, job_id: UUID, reason: str) -> bool:
    """Set the credits of a released job aside once more. False, and nothing happens, if nothing was released or the
    user does not have them any more."""
    return (
        await tx.execute(
            """
        WITH paid AS (
            UPDATE credit_account a
            SET available = available - h.amount, held = held + h.amount, updated_at = now()
            FROM credit_hold h
            WHERE h.job_id = %(job_id)s AND h.state = 'released' AND a.user_id = h.user_id AND a.available >= h.amount
            RETURNING h.job_id
        ), again AS (
            UPDATE credit_hold h SET state = 'held', round = round + 1, updated_at = now()
            FROM paid WHERE h.job_id = paid.job_id
            RETURNING h.job_id, h.user_id, h.amount, h.round
        )
        INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round, reason)
        SELECT user_id, 'hold', 'available', 'held', amount, job_id, round, %(reason)s FROM again
        """,
            {"job_id": job_id, "reason": reason},
        )
        == 1
    )


async def capture(
    tx: Transaction, job_id: UUID, reason: str, *, charge: int | None = None, rest: str = ""
) -> str | None:
    """Spend what is held for a job; with a ``charge`` that much of it at most, and give the rest back for the reason
    ``rest``. Returns the state that its hold was in: nothing happened unless it is ``held``; None if the job has no
    hold. Call with the job locked."""
    state: str | None = await tx.fetch_value(
        """
        WITH ended AS (
            UPDATE credit_hold
            SET state = 'captured', charged = least(coalesce(%(charge)s, amount), amount), updated_at = now()
            WHERE job_id = %(job_id)s AND state = 'held'
            RETURNING job_id, user_id, amount, charged, round
        ), moved AS (
            UPDATE credit_account a
            SET held = held - amount, available = available + amount - charged, updated_at = now()
            FROM ended WHERE a.user_id = ended.user_id
        ), written AS (
            INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round, reason)
            SELECT user_id, kind, 'held', target, part, job_id, round, why
            FROM ended, LATERAL (VALUES ('capture', 'spent', charged, %(reason)s),
                                        ('settle', 'available', amount - charged, %(rest)s)) e (kind, target, part, why)
            WHERE part > 0
        )
        SELECT state FROM credit_hold WHERE job_id = %(job_id)s
        """,
        {"job_id": job_id, "reason": reason, "charge": charge, "rest": rest},
    )
    return state


async def release(tx: Transaction, job_id: UUID, reason: str) -> bool:
    """Release what is held for a job. False if nothing is. Call with the job locked."""
    return (
        await tx.execute(
            """
        WITH ended AS (
            UPDATE credit_hold SET state = 'released', updated_at = now()
            WHERE job_id = %(job_id)s AND state = 'held'
            RETURNING job_id, user_id, amount, round
        ), moved AS (
            UPDATE credit_account a SET available = available + amount, held = held - amount, updated_at = now()
            FROM ended WHERE a.user_id = ended.user_id
        )
        INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round, reason)
        SELECT user_id, 'release', 'held', 'available', amount, job_id, round, %(reason)s FROM ended
        """,
            {"job_id": job_id, "reason": reason},
        )
        == 1
    )


async def note_unpaid(tx: Transaction, job_id: UUID, reason: str, *, charge: int | None = None) -> bool:
    """Write down that a released job was delivered all the same, for its price or this charge. The user's account stays
    as it is; a charge of 0 is paid."""
    return (
        await tx.execute(
            """
        WITH ended AS (
            UPDATE credit_hold
            SET state = CASE WHEN %(charge)s = 0 THEN 'captured' ELSE 'unpaid' END,
                charged = CASE WHEN %(charge)s = 0 THEN 0 END, updated_at = now()
            WHERE job_id = %(job_id)s AND state = 'released'
            RETURNING job_id, user_id, least(coalesce(%(charge)s, amount), amount) AS owed, round
        )
        INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round, reason)
        SELECT user_id, 'unpaid', 'unpaid', 'spent', owed, job_id, round, %(reason)s FROM ended WHERE owed > 0
        """,
            {"job_id": job_id, "reason": reason, "charge": charge},
        )
        == 1
    )


async def waive(tx: Transaction, job_id: UUID) -> bool:
    """Make a released job free from now on."""
    return (
        await tx.execute(
            "UPDATE credit_hold SET state = 'waived', updated_at = now() WHERE job_id = %s AND state = 'released'",
            (job_id,),
        )
        == 1
    )


@dataclass(frozen=True, slots=True)
class Hold:
    """What is, or was, set aside for a job."""

    user_id: UUID
    key_id: UUID | None
    amount: int
    state: str


async def hold_of(tx: Transaction, job_id: UUID) -> Hold | None:
    """Return a job's hold; None if it has none."""
    return await tx.fetch_one(
        Hold, "SELECT user_id, key_id, amount, state FROM credit_hold WHERE job_id = %s", (job_id,)
    )


async def lock_accounts(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """Lock the accounts that pay for these jobs, in one order for everybody."""
    await tx.fetch_values(
        """
        SELECT user_id FROM credit_account
        WHERE user_id IN (SELECT user_id FROM credit_hold WHERE job_id = ANY(%s) AND state IN ('held', 'released'))
        ORDER BY user_id FOR NO KEY UPDATE
        """,
        (list(job_ids),),
    )


async def entries_of(tx: Transaction, user_id: UUID, *, limit: int, offset: int) -> list[Entry]:
    """Return a part of a user's ledger, newest first."""
    return await tx.fetch_all(
        Entry,
        """
        SELECT id, kind, source, target, amount, job_id, reason, created_at
        FROM credit_entry WHERE user_id = %s ORDER BY id DESC LIMIT %s OFFSET %s
        """,
        (user_id, limit, offset),
    )
