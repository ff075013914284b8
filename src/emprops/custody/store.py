"""SQL on social links."""

from dataclasses import dataclass
from uuid import UUID

from emprops.kit.database import Transaction

COLUMNS = "id, social_org, social_identifier, miniapp_user_id"


@dataclass(frozen=True, slots=True)
class SocialLink:
    """A social identity for whom collections, decks and outputs may be held (spec: ``social_link``)."""

    id: UUID
    social_org: str
    social_identifier: str
    miniapp_user_id: str | None


async def find(reader: Transaction, org: str, identifier: str) -> SocialLink | None:
    """Give the link of an identity, if there is one."""
    return await reader.fetch_one(
        SocialLink,
        f"SELECT {COLUMNS} FROM social_link WHERE social_org = %s AND social_identifier = %s",
        (org, identifier),
    )


async def get(reader: Transaction, link_id: UUID) -> SocialLink | None:
    """Give a link by its id."""
    return await reader.fetch_one(SocialLink, f"SELECT {COLUMNS} FROM social_link WHERE id = %s", (link_id,))


async def upsert(
    tx: Transaction, link_id: UUID, org: str, identifier: str, miniapp_user_id: str | None
) -> SocialLink | None:
    """Insert a link, or give the one there is, with its ``miniapp_user_id`` set if it had none."""
    return await tx.fetch_one(
        SocialLink,
        f"""
        INSERT INTO social_link (id, social_org, social_identifier, miniapp_user_id) VALUES (%s, %s, %s, %s)
        ON CONFLICT (social_org, social_identifier) DO UPDATE
        SET miniapp_user_id = coalesce(social_link.miniapp_user_id, excluded.miniapp_user_id), updated_at = now()
        RETURNING {COLUMNS}
        """,
        (link_id, org, identifier, miniapp_user_id),
    )
