"""SQL on social links, on what is held for them, and on its transfer.

``custodied_for`` is the column by which custody marks rows of collections, decks and outputs; moving those rows happens
here, because those features ask custody for links and so cannot be asked by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.web.paging import Page

COLUMNS = "id, social_org, social_identifier, miniapp_user_id, user_id, claimed_at"


@dataclass(frozen=True, slots=True)
class SocialLink:
    """A social identity for whom collections, decks and outputs may be held (the contract's ``social_link``)."""

    id: UUID
    social_org: str
    social_identifier: str
    miniapp_user_id: str | None
    user_id: UUID | None = None
    """Who signed up as this identity; nothing is held for it since."""
    claimed_at: datetime | None = None

    @property
    def holds(self) -> UUID | None:
        """What things made for it have as ``custodied_for``: its id, or nothing once it has signed up."""
        return self.id if self.user_id is None else None


@dataclass(frozen=True, slots=True)
class Holding:
    """How much one user holds for an identity, hidden and archived things included."""

    user_id: UUID
    collections: int
    decks: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """What the transfer of an identity moved, and to whom."""

    user_id: UUID
    collections: int
    decks: int
    outputs: int
    holders: list[UUID]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A row that is held, and by whom."""

    id: UUID
    user_id: UUID


async def find(reader: Transaction, org: str, identifier: str) -> SocialLink | None:
    """Return the link of an identity, if there is one."""
    return await reader.fetch_one(
        SocialLink,
        f"SELECT {COLUMNS} FROM social_link WHERE social_org = %s AND social_identifier = %s",
        (org, identifier),
    )


async def get(reader: Transaction, link_id: UUID) -> SocialLink | None:
    """Return a link by its id."""
    return await reader.fetch_one(SocialLink, f"SELECT {COLUMNS} FROM social_link WHERE id = %s", (link_id,))


async def newest(reader: Transaction, page: Page) -> list[SocialLink]:
    """List links, newest first."""
    return await reader.fetch_all(
        SocialLink,
        f"SELECT {COLUMNS} FROM social_link ORDER BY created_at DESC, id DESC LIMIT %s OFFSET %s",
        (page.limit, page.offset),
    )


async def upsert(
    tx: Transaction, link_id: UUID, org: str, identifier: str, miniapp_user_id: str | None
) -> SocialLink | None:
    """Insert a link, or give the one there is, with its ``miniapp_user_id`` set if it had none. It stays as it is
    until the transaction ends."""
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


async def share(tx: Transaction, link_id: UUID) -> SocialLink | None:
    """Return a link that nobody claims until the transaction ends; others may read and share it meanwhile."""
    return await tx.fetch_one(SocialLink, f"SELECT {COLUMNS} FROM social_link WHERE id = %s FOR SHARE", (link_id,))


async def lock(tx: Transaction, link_id: UUID) -> SocialLink | None:
    """Wait for those who share a link, and keep everyone else from sharing it until the transaction ends.

    Not ``FOR UPDATE``: a job that ends, with its outputs locked, may still add outputs that refer to the link.
    """
    return await tx.fetch_one(
        SocialLink, f"SELECT {COLUMNS} FROM social_link WHERE id = %s FOR NO KEY UPDATE", (link_id,)
    )


async def claim(tx: Transaction, link_id: UUID, user_id: UUID) -> bool:
    """Say who the identity is. False if that is known already."""
    return (
        await tx.execute(
            "UPDATE social_link SET user_id = %s, claimed_at = now(), updated_at = now()"
            " WHERE id = %s AND user_id IS NULL",
            (user_id, link_id),
        )
        == 1
    )


async def holdings_of(reader: Transaction, link_id: UUID) -> list[Holding]:
    """Return who holds how much for an identity."""
    return await reader.fetch_all(
        Holding,
        """
        SELECT user_id, sum(collections)::int AS collections, sum(decks)::int AS decks, sum(outputs)::int AS outputs
        FROM (
            SELECT p.user_id, count(*) AS collections, 0 AS decks, 0 AS outputs
            FROM collection c JOIN project p ON p.id = c.project_id WHERE c.custodied_for = %(id)s GROUP BY p.user_id
            UNION ALL
            SELECT user_id, 0, count(*), 0 FROM deck WHERE custodied_for = %(id)s GROUP BY user_id
            UNION ALL
            SELECT user_id, 0, 0, count(*) FROM output WHERE custodied_for = %(id)s GROUP BY user_id
        ) held
        GROUP BY user_id ORDER BY user_id
        """,
        {"id": link_id},
    )


async def transfer_of(reader: Transaction, link_id: UUID) -> Transfer | None:
    """Return the transfer of an identity, if there was one."""
    return await reader.fetch_one(
        Transfer,
        "SELECT user_id, collections, decks, outputs, holders, created_at FROM custody_transfer"
        " WHERE social_link_id = %s",
        (link_id,),
    )


async def lock_surroundings(tx: Transaction, link_id: UUID) -> None:
    """Lock the jobs of outputs that are held for an identity, and the files that these outputs show: who ends such a
    job or shows another file takes these first."""
    await tx.execute(
        """
        SELECT FROM job WHERE id IN (SELECT job_id FROM output WHERE custodied_for = %s) ORDER BY id FOR NO KEY UPDATE
        """,
        (link_id,),
    )
    await tx.execute(
        """
        SELECT FROM flat_file WHERE id IN (SELECT flat_file_id FROM output WHERE custodied_for = %s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        (link_id,),
    )


async def lock_outputs(tx: Transaction, link_id: UUID, limit: int) -> list[Held]:
    """Lock outputs that are held for an identity."""
    return await tx.fetch_all(
        Held,
        "SELECT id, user_id FROM output WHERE custodied_for = %s ORDER BY id LIMIT %s FOR NO KEY UPDATE",
        (link_id, limit),
    )


async def move_outputs(tx: Transaction, output_ids: Sequence[UUID], user_id: UUID) -> None:
    """Transfer outputs to a user, with the files that they show."""
    ids = list(output_ids)
    await tx.execute(
        """
        UPDATE output SET user_id = %s, is_custodial = false, custodied_for = NULL, updated_at = now()
        WHERE id = ANY(%s)
        """,
        (user_id, ids),
    )
    await tx.execute(
        """
        UPDATE flat_file SET user_id = %s, updated_at = now()
        WHERE id IN (SELECT flat_file_id FROM output WHERE id = ANY(%s))
        """,
        (user_id, ids),
    )


async def lock_decks(tx: Transaction, link_id: UUID, limit: int) -> list[Held]:
    """Lock decks that are held for an identity."""
    return await tx.fetch_all(
        Held,
        "SELECT id, user_id FROM deck WHERE custodied_for = %s ORDER BY id LIMIT %s FOR NO KEY UPDATE",
        (link_id, limit),
    )


async def move_decks(tx: Transaction, deck_ids: Sequence[UUID], user_id: UUID) -> None:
    """Transfer decks to a user."""
    await tx.execute(
        "UPDATE deck SET user_id = %s, is_custodial = false, custodied_for = NULL, updated_at = now()"
        " WHERE id = ANY(%s)",
        (user_id, list(deck_ids)),
    )


async def lock_collections(tx: Transaction, link_id: UUID, limit: int) -> list[Held]:
    """Lock collections that are held for an identity."""
    return await tx.fetch_all(
        Held,
        """
        SELECT c.id, p.user_id FROM collection c JOIN project p ON p.id = c.project_id
        WHERE c.custodied_for = %s ORDER BY c.id LIMIT %s FOR NO KEY UPDATE OF c
        """,
        (link_id, limit),
    )


async def move_collections(tx: Transaction, collection_ids: Sequence[UUID], user_id: UUID) -> None:
    """Put collections into a user's default project, which is made if there is none."""
    await tx.execute(
        "INSERT INTO project (id, user_id, name, is_default) VALUES (%s, %s, 'Default', true)"
        " ON CONFLICT (user_id) WHERE is_default DO NOTHING",
        (new_id(), user_id),
    )
    await tx.execute(
        """
        UPDATE collection SET project_id = (SELECT id FROM project WHERE user_id = %s AND is_default),
               is_custodial = false, custodied_for = NULL, updated_at = now()
        WHERE id = ANY(%s)
        """,
        (user_id, list(collection_ids)),
    )


async def insert_transfer(
    tx: Transaction,
    link_id: UUID,
    user_id: UUID,
    *,
    collections: int,
    decks: int,
    outputs: int,
    holders: Sequence[UUID],
    requested_by: str,
) -> None:
    """Write the audit row."""
    await tx.execute(
        """
        INSERT INTO custody_transfer (id, social_link_id, user_id, collections, decks, outputs, holders, requested_by)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (new_id(), link_id, user_id, collections, decks, outputs, list(holders), requested_by),
    )
