"""Users, their projects, and people known from elsewhere."""

from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


async def make_user(tx: Transaction, user_id: UUID | None = None) -> UUID:
    """A user; the same one if there is one of that id."""
    user_id = user_id or new_id()
    await tx.execute("INSERT INTO app_user (id) VALUES (%s) ON CONFLICT DO NOTHING", (user_id,))
    return user_id


async def make_project(tx: Transaction, user_id: UUID | None = None, *, is_default: bool = False) -> UUID:
    """A project, of a new user unless told."""
    user_id = await make_user(tx, user_id)
    project_id = new_id()
    await tx.execute(
        "INSERT INTO project (id, user_id, name, is_default) VALUES (%s, %s, 'Project', %s)",
        (project_id, user_id, is_default),
    )
    return project_id


async def make_social_link(tx: Transaction, identifier: str = "vitalik", org: str = "farcaster") -> UUID:
    """A social identity; the same one if it exists."""
    link: UUID = await tx.fetch_value(
        """
        INSERT INTO social_link (id, social_org, social_identifier) VALUES (%s, %s, %s)
        ON CONFLICT (social_org, social_identifier) DO UPDATE SET updated_at = now() RETURNING id
        """,
        (new_id(), org, identifier),
    )
    return link
