"""SQL on decks."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a deck is: the user who holds it and, in custody, the social link it is held for."""

    user_id: UUID
    custodied_for: UUID | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Room in a deck: the first of the positions taken."""

    deck_id: UUID
    position: int


@dataclass(frozen=True, slots=True)
class DeckState:
    """What decides whether a deck takes an output."""

    status: str
    user_id: UUID
    collection_id: UUID
    custodied_for: UUID | None


async def take_places(
    tx: Transaction,
    deck_id: UUID,
    count: int,
    *,
    accepting: Collection[str],
    owner: Owner | None = None,
    collection_id: UUID | None = None,
) -> Place | None:
    """Lock the deck and append ``count`` outputs to it, if it is in an accepting state and, where given, has that
    owner and that collection. None: it did not match."""
    return await tx.fetch_one(
        Place,
        """
        UPDATE deck
        SET last_position = last_position + %(count)s, output_count = output_count + %(count)s, updated_at = now()
        WHERE id = %(deck_id)s AND status = ANY(%(accepting)s)
              AND (%(user_id)s::uuid IS NULL
                   OR user_id = %(user_id)s AND custodied_for IS NOT DISTINCT FROM %(custodied_for)s::uuid)
              AND collection_id = coalesce(%(collection_id)s, collection_id)
        RETURNING id AS deck_id, last_position - %(count)s + 1 AS position
        """,
        {
            "deck_id": deck_id,
            "count": count,
            "accepting": list(accepting),
            "user_id": owner and owner.user_id,
            "custodied_for": owner and owner.custodied_for,
            "collection_id": collection_id,
        },
    )


async def newest(tx: Transaction, owner: Owner, collection_id: UUID, statuses: Collection[str]) -> UUID | None:
    """Give the owner's newest deck of this collection that is in one of these states."""
    deck_id: UUID | None = await tx.fetch_value(
        """
        SELECT id FROM deck
        WHERE collection_id = %s AND user_id = %s AND custodied_for IS NOT DISTINCT FROM %s AND status = ANY(%s)
        ORDER BY created_at DESC, id DESC LIMIT 1
        """,
        (collection_id, owner.user_id, owner.custodied_for, list(statuses)),
    )
    return deck_id


async def lock_choice(tx: Transaction, owner: Owner, collection_id: UUID) -> None:
    """Until the transaction ends, nobody else makes a first deck for this owner and collection."""
    key = f"deck:{owner.user_id}:{collection_id}:{owner.custodied_for}"
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))


async def insert_deck(tx: Transaction, *, deck_id: UUID, owner: Owner, collection_id: UUID, name: str) -> None:
    """Insert an empty, active deck."""
    await tx.execute(
        """
        INSERT INTO deck (id, user_id, collection_id, name, is_custodial, custodied_for)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (deck_id, owner.user_id, collection_id, name, owner.custodied_for is not None, owner.custodied_for),
    )


async def state_of(tx: Transaction, deck_id: UUID) -> DeckState | None:
    """Give what decides whether the deck takes an output."""
    return await tx.fetch_one(
        DeckState, "SELECT status, user_id, collection_id, custodied_for FROM deck WHERE id = %s", (deck_id,)
    )


async def drop_outputs(tx: Transaction, deck_id: UUID, count: int) -> None:
    """Count ``count`` outputs less; their positions stay unused."""
    await tx.execute(
        "UPDATE deck SET output_count = output_count - %s, updated_at = now() WHERE id = %s", (count, deck_id)
    )
