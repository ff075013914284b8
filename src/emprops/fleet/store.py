"""SQL of pauses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class Pause:
    """Workers that may claim nothing: ``all``, those of a ``machine``, or one ``worker``."""

    scope: str
    name: str
    """The machine's or worker's id; empty for ``all``."""
    since: datetime


async def pauses(tx: Transaction) -> list[Pause]:
    """List all pauses."""
    return await tx.fetch_all(Pause, "SELECT scope, name, since FROM worker_pause ORDER BY scope, name")


async def add(tx: Transaction, scope: str, name: str) -> bool:
    """Add a pause. False if it is there."""
    return (
        await tx.execute("INSERT INTO worker_pause (scope, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", (scope, name))
        == 1
    )


async def remove(tx: Transaction, scope: str, name: str) -> bool:
    """Remove a pause. False if there is none."""
    return await tx.execute("DELETE FROM worker_pause WHERE scope = %s AND name = %s", (scope, name)) == 1


async def remove_every(tx: Transaction) -> None:
    """Remove all pauses."""
    await tx.execute("DELETE FROM worker_pause")


async def forget(tx: Transaction, *, days: int, but: Sequence[str]) -> int:
    """Remove pauses of single workers that are older than this, except of these workers. Returns how many."""
    return await tx.execute(
        """
        DELETE FROM worker_pause
        WHERE scope = 'worker' AND since < now() - make_interval(days => %s) AND name <> ALL(%s)
        """,
        (days, list(but)),
    )
