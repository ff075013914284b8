"""SQL on decks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
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


@dataclass(frozen=True, slots=True)
class Choice:
    """Outputs of an owner and a collection go to the newest deck that these have."""

    owner: Owner
    collection_id: UUID


async def take_newest_places(
    tx: Transaction, counts: Mapping[Choice, int], accepting: Collection[str]
) -> dict[Choice, Place]:
    """Append outputs to the newest deck of each choice that is in an accepting state, so many as ``counts`` says.

    The decks are locked in the order of their ids. A choice is missing if it has no such deck, or that is changing.
    """
    choices = list(counts)
    rows = await tx.fetch_dicts(
        """
        WITH wanted AS (
            SELECT n, count, newest.id
            FROM unnest(%(users)s::uuid[], %(custodied_for)s::uuid[], %(collections)s::uuid[], %(counts)s::int[])
                 WITH ORDINALITY AS choice (user_id, custodied_for, collection_id, count, n)
            CROSS JOIN LATERAL (
                SELECT id FROM deck
                WHERE collection_id = choice.collection_id AND user_id = choice.user_id
                      AND custodied_for IS NOT DISTINCT FROM choice.custodied_for AND status = ANY(%(accepting)s)
                ORDER BY created_at DESC, id DESC LIMIT 1
            ) newest
        ), locked AS MATERIALIZED (
            SELECT id FROM deck WHERE id = ANY (ARRAY(SELECT id FROM wanted)) ORDER BY id FOR NO KEY UPDATE
        )
        UPDATE deck
        SET last_position = last_position + count, output_count = output_count + count, updated_at = now()
        FROM wanted JOIN locked USING (id)
        WHERE deck.id = wanted.id AND status = ANY(%(accepting)s)
        RETURNING n, deck.id, last_position - count + 1 AS position
        """,
        {
            "users": [choice.owner.user_id for choice in choices],
            "custodied_for": [choice.owner.custodied_for for choice in choices],
            "collections": [choice.collection_id for choice in choices],
            "counts": list(counts.values()),
            "accepting": list(accepting),
        },
    )
    return {choices[row["n"] - 1]: Place(row["id"], row["position"]) for row in rows}


async def newest(tx: Transaction, owner: Owner, collection_id: UUID, statuses: Collection[str]) -> UUID | None:
    """Return the owner's newest deck of this collection that is in one of these states."""
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


async def insert_deck(
    tx: Transaction, *, deck_id: UUID, owner: Owner, collection_id: UUID, name: str, description: str | None = None
) -> None:
    """Insert an empty, active deck."""
    await tx.execute(
        """
        INSERT INTO deck (id, user_id, collection_id, name, description, is_custodial, custodied_for)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            deck_id,
            owner.user_id,
            collection_id,
            name,
            description,
            owner.custodied_for is not None,
            owner.custodied_for,
        ),
    )


async def lock(tx: Transaction, deck_id: UUID) -> DeckState | None:
    """Lock a deck against additions and other changes until the transaction ends, and tell how it stands."""
    return await tx.fetch_one(
        DeckState,
        "SELECT status, user_id, collection_id, custodied_for FROM deck WHERE id = %s FOR NO KEY UPDATE",
        (deck_id,),
    )


async def lock_all(tx: Transaction, deck_ids: Collection[UUID]) -> dict[UUID, DeckState]:
    """Lock decks as :func:`lock` does, in the order of their ids; returns how each stands."""
    rows = await tx.fetch_dicts(
        "SELECT id, status, user_id, collection_id, custodied_for FROM deck WHERE id = ANY(%s)"
        " ORDER BY id FOR NO KEY UPDATE",
        (list(deck_ids),),
    )
    return {row.pop("id"): DeckState(**row) for row in rows}


async def shows(tx: Transaction, deck_id: UUID, output_id: UUID) -> bool:
    """Return whether an output is visible in a deck; it stays so until the transaction ends."""
    found = await tx.fetch_value(
        "SELECT id FROM output WHERE id = %s AND deck_id = %s AND status <> 'hidden' FOR SHARE", (output_id, deck_id)
    )
    return found is not None


EDITABLE = frozenset({"name", "description", "cover_output_id"})


async def update_columns(tx: Transaction, deck_id: UUID, columns: Mapping[str, Any]) -> None:
    """Set some of :data:`EDITABLE`."""
    names = sorted(columns.keys() & EDITABLE)
    settings = ", ".join(f"{name} = %({name})s" for name in names)
    await tx.execute(f"UPDATE deck SET {settings}, updated_at = now() WHERE id = %(id)s", {**columns, "id": deck_id})


async def move(tx: Transaction, deck_id: UUID, status: str, *, publishing: bool, among: Collection[str]) -> bool:
    """Change the state if it is one of ``among``. The first publication keeps its time."""
    return (
        await tx.execute(
            """
            UPDATE deck SET status = %s, updated_at = now(),
                   published_at = CASE WHEN %s THEN coalesce(published_at, now()) ELSE published_at END
            WHERE id = %s AND status = ANY(%s)
            """,
            (status, publishing, deck_id, list(among)),
        )
        == 1
    )


async def outputs_in_order(tx: Transaction, deck_id: UUID, *, hidden: bool) -> list[UUID]:
    """Ids of the outputs that have a place in a deck: those that are visible, or those that are hidden."""
    return await tx.fetch_values(
        "SELECT id FROM output WHERE deck_id = %s AND (status = 'hidden') = %s ORDER BY position", (deck_id, hidden)
    )


async def renumber(tx: Transaction, deck_id: UUID, output_ids: Sequence[UUID]) -> None:
    """Assign the outputs of a deck the positions 1, 2, 3 … in this order."""
    # two steps, because the index on positions is checked row by row
    await tx.execute("UPDATE output SET position = -position WHERE deck_id = %s", (deck_id,))
    await tx.execute(
        """
        UPDATE output SET position = wanted.position
        FROM unnest(%s::uuid[]) WITH ORDINALITY AS wanted (id, position)
        WHERE output.id = wanted.id AND output.deck_id = %s
        """,
        (list(output_ids), deck_id),
    )
    await tx.execute("UPDATE deck SET last_position = %s, updated_at = now() WHERE id = %s", (len(output_ids), deck_id))


async def state_of(tx: Transaction, deck_id: UUID) -> DeckState | None:
    """Return what decides whether the deck takes an output."""
    return await tx.fetch_one(
        DeckState, "SELECT status, user_id, collection_id, custodied_for FROM deck WHERE id = %s", (deck_id,)
    )


async def drop_outputs(tx: Transaction, deck_id: UUID, output_ids: Sequence[UUID]) -> None:
    """Count these outputs no longer, and take them off the cover; their positions stay unused."""
    await tx.execute(
        """
        UPDATE deck SET output_count = output_count - cardinality(%(gone)s::uuid[]), updated_at = now(),
               cover_output_id = CASE WHEN cover_output_id = ANY(%(gone)s) THEN NULL ELSE cover_output_id END
        WHERE id = %(deck_id)s
        """,
        {"deck_id": deck_id, "gone": list(output_ids)},
    )


async def count_again(tx: Transaction, deck_id: UUID, count: int) -> None:
    """Count outputs that are visible again."""
    await tx.execute(
        "UPDATE deck SET output_count = output_count + %s, updated_at = now() WHERE id = %s", (count, deck_id)
    )


async def lock_outputs(tx: Transaction, deck_id: UUID) -> None:
    """Lock a deck's outputs: before the deck, because hiding one of them takes the locks in that order."""
    await tx.execute("SELECT FROM output WHERE deck_id = %s ORDER BY id FOR NO KEY UPDATE", (deck_id,))
