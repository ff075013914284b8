"""SQL on credits. Each function is one statement, in the caller's transaction; every spend is one guarded UPDATE.

Job rows are locked before accounts, accounts before spending limits, limits before outputs and decks. To move the money
of several jobs in one transaction, call :func:`lock_accounts` first, so that two of them never wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from emprops.credits.amounts import LARGEST
from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class Account:
    """What a user has, in micro-credits."""

    available: int = 0
    held: int = 0


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


async def hold(tx: Transaction, holds: Sequence[NewHold]) -> set[UUID]:
    """Set credits aside for new jobs; returns the jobs for which they are. Nothing happens for the jobs of a user who
    does not have what all of theirs take together. Accounts are locked in the order of their users.

    Raises :class:`AlreadyHeldError`.
    """
    try:
        return set(
            await tx.fetch_values(
                """
                WITH wanted AS (
                    SELECT * FROM jsonb_to_recordset(%s) AS wanted (
                        job_id uuid, user_id uuid, amount bigint, reason text, key_id uuid)
                ), sums AS (
                    SELECT user_id, sum(amount)::bigint AS amount FROM wanted GROUP BY user_id
                ), locked AS MATERIALIZED (
                    SELECT user_id FROM credit_account WHERE user_id = ANY (ARRAY(SELECT user_id FROM sums))
                    ORDER BY user_id FOR NO KEY UPDATE
                ), paid AS (
                    UPDATE credit_account a
                    SET available = available - sums.amount, held = held + sums.amount, updated_at = now()
                    FROM sums JOIN locked USING (user_id)
                    WHERE a.user_id = sums.user_id AND a.available >= sums.amount
                    RETURNING a.user_id
                ), new AS (
                    INSERT INTO credit_hold (job_id, user_id, amount, key_id)
                    SELECT job_id, user_id, amount, key_id FROM wanted JOIN paid USING (user_id)
                    RETURNING job_id, user_id, amount, round
                )
                INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round, reason)
                SELECT new.user_id, 'hold', 'available', 'held', new.amount, job_id, round, reason
                FROM new JOIN wanted USING (job_id)
                RETURNING job_id
                """,
                (Jsonb(holds),),
            )
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


@dataclass(frozen=True, slots=True)
class Charge:
    """What a completed job is charged."""

    job_id: UUID
    reason: str
    charge: int | None = None
    """This much of its hold at most; None: all of it."""
    rest: str = ""
    """Why the rest is given back."""


async def capture(tx: Transaction, charges: Sequence[Charge]) -> dict[UUID, str]:
    """Spend what is held for completed jobs. Returns the state that each one's hold was in: nothing happened unless it
    is ``held``; a job without a hold is missing. Call with the jobs locked."""
    rows = await tx.fetch_dicts(
        """
        WITH wanted AS (
            SELECT * FROM jsonb_to_recordset(%(charges)s) AS wanted (job_id uuid, reason text, charge bigint, rest text)
        ), ended AS (
            UPDATE credit_hold h
            SET state = 'captured', charged = least(coalesce(charge, amount), amount), updated_at = now()
            FROM wanted WHERE h.job_id = ANY(%(ids)s) AND h.job_id = wanted.job_id AND state = 'held'
            RETURNING h.job_id, user_id, amount, charged, round, reason, rest
        ), moved AS (
            UPDATE credit_account a
            SET held = held - sums.amount, available = available + sums.amount - sums.charged, updated_at = now()
            FROM (SELECT user_id, sum(amount)::bigint AS amount, sum(charged)::bigint AS charged
                  FROM ended GROUP BY user_id) sums
            WHERE a.user_id = sums.user_id
        ), written AS (
            INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round, reason)
            SELECT user_id, kind, 'held', target, part, job_id, round, why
            FROM ended, LATERAL (VALUES ('capture', 'spent', charged, reason),
                                        ('settle', 'available', amount - charged, rest)) e (kind, target, part, why)
            WHERE part > 0
        )
        SELECT job_id, state FROM credit_hold WHERE job_id = ANY(%(ids)s)
        """,
        {"charges": Jsonb(charges), "ids": [charge.job_id for charge in charges]},
    )
    return {row["job_id"]: row["state"] for row in rows}


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
