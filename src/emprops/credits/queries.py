"""SQL that reads a user's ledger."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction


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
