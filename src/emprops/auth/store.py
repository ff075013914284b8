"""Users, as far as this system knows them: an id, seen once."""

from uuid import UUID

from emprops.kit.database import Transaction


async def ensure_user(tx: Transaction, user_id: UUID) -> None:
    """Insert the user on first sight; whoever writes a row that refers to a user calls this before."""
    await tx.execute("INSERT INTO app_user (id) VALUES (%s) ON CONFLICT DO NOTHING", [user_id])
