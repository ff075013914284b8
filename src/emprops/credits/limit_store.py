"""SQL on spending limits. What counts as spent is what holds captured in the period, and all that is held now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from emprops.kit.database import Transaction

Subject = Literal["user", "key"]
Period = Literal["day", "month"]
SetBy = Literal["operator", "user"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and how far it is used. Amounts are in micro-credits."""

    subject: Subject
    subject_id: UUID
    period: Period
    set_by: SetBy
    amount: int
    spent: int
    """In the present period, with what is held."""
    resets_at: datetime
    """When the next period begins."""

    @property
    def left(self) -> int:
        """What may still be spent."""
        return max(0, self.amount - self.spent)


async def lock(tx: Transaction, users: Collection[UUID], keys: Collection[UUID]) -> set[UUID]:
    """Lock the limits of users and keys until the transaction ends, so that starts under one key are counted one after
    the other; returns those who have any. Call with the users' accounts locked."""
    return set(
        await tx.fetch_values(
            """
            SELECT subject_id FROM spending_limit
            WHERE (subject = 'user' AND subject_id = ANY(%s)) OR (subject = 'key' AND subject_id = ANY(%s))
            ORDER BY subject, subject_id, period, set_by FOR NO KEY UPDATE
            """,
            (list(users), list(keys)),
        )
    )


async def limits_of(tx: Transaction, user_id: UUID | None, key_id: UUID | None) -> list[Limit]:
    """Return the limits of a user and a key, with what they have spent, days before months."""
    return await tx.fetch_all(
        Limit,
        """
        SELECT l.subject, l.subject_id, l.period, l.set_by, l.amount, p.ends AS resets_at,
               (CASE l.subject
                    WHEN 'user' THEN coalesce((SELECT held FROM credit_account WHERE user_id = l.subject_id), 0) + (
                        SELECT coalesce(sum(coalesce(charged, amount)), 0) FROM credit_hold
                        WHERE user_id = l.subject_id AND state = 'captured' AND updated_at >= p.begins
                    )
                    ELSE (
                        SELECT coalesce(sum(amount), 0) FROM credit_hold WHERE key_id = l.subject_id AND state = 'held'
                    ) + (
                        SELECT coalesce(sum(coalesce(charged, amount)), 0) FROM credit_hold
                        WHERE key_id = l.subject_id AND state = 'captured' AND updated_at >= p.begins
                    )
                END)::bigint AS spent
        FROM spending_limit l, LATERAL (
            SELECT begins AT TIME ZONE 'UTC' AS begins,
                   (begins + ('1 ' || l.period)::interval) AT TIME ZONE 'UTC' AS ends
            FROM date_trunc(l.period, now() AT TIME ZONE 'UTC') AS begins
        ) p
        WHERE (l.subject = 'user' AND l.subject_id = %(user_id)s) OR (l.subject = 'key' AND l.subject_id = %(key_id)s)
        ORDER BY l.subject DESC, l.period, l.set_by
        """,
        {"user_id": user_id, "key_id": key_id},
    )


async def put(tx: Transaction, subject: Subject, subject_id: UUID, period: Period, set_by: SetBy, amount: int) -> None:
    """Set a limit, or change it."""
    await tx.execute(
        """
        INSERT INTO spending_limit (subject, subject_id, period, set_by, amount) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (subject, subject_id, period, set_by)
        DO UPDATE SET amount = excluded.amount, updated_at = now()
        """,
        (subject, subject_id, period, set_by, amount),
    )


async def remove(tx: Transaction, subject: Subject, subject_id: UUID, period: Period, set_by: SetBy) -> bool:
    """Remove a limit. False if there was none."""
    removed = await tx.execute(
        "DELETE FROM spending_limit WHERE subject = %s AND subject_id = %s AND period = %s AND set_by = %s",
        (subject, subject_id, period, set_by),
    )
    return removed == 1


async def operators_amount(tx: Transaction, user_id: UUID, period: Period) -> int | None:
    """Return what the operator lets a user spend in a period; None: anything."""
    amount: int | None = await tx.fetch_value(
        """
        SELECT amount FROM spending_limit
        WHERE subject = 'user' AND subject_id = %s AND period = %s AND set_by = 'operator'
        """,
        (user_id, period),
    )
    return amount
