"""SQL of the roles that users were granted."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.auth.store import ensure_user
from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that a user was granted."""

    user_id: UUID
    role: str
    granted_at: datetime
    granted_by: str


async def grants_of(reader: Transaction, user_id: UUID) -> list[Grant]:
    """Return what a user was granted, by role."""
    return await reader.fetch_all(
        Grant,
        "SELECT user_id, role, granted_at, granted_by FROM user_role WHERE user_id = %s ORDER BY role",
        (user_id,),
    )


async def list_grants(reader: Transaction, page: Page) -> list[Grant]:
    """Return all grants, newest first."""
    return await reader.fetch_all(
        Grant,
        """
        SELECT user_id, role, granted_at, granted_by FROM user_role
        ORDER BY granted_at DESC, user_id, role LIMIT %s OFFSET %s
        """,
        (page.limit, page.offset),
    )


async def has_role(reader: Transaction, user_id: UUID, roles: Collection[str]) -> bool:
    """Return whether a user was granted one of these roles."""
    return bool(
        await reader.fetch_value(
            "SELECT EXISTS (SELECT FROM user_role WHERE user_id = %s AND role = ANY(%s))", (user_id, list(roles))
        )
    )


async def grant(tx: Transaction, user_id: UUID, role: str, *, by: str) -> bool:
    """Grant a role. False if the user had it: the first grant stays."""
    await ensure_user(tx, user_id)
    return (
        await tx.execute(
            "INSERT INTO user_role (user_id, role, granted_by) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (user_id, role, by),
        )
        == 1
    )


async def revoke(tx: Transaction, user_id: UUID, role: str) -> bool:
    """Take a role back. False if the user did not have it."""
    return await tx.execute("DELETE FROM user_role WHERE user_id = %s AND role = %s", (user_id, role)) == 1
