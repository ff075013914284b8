"""Make, change, publish, lock and archive decks. Which state may follow which is in ``states.py``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from emprops.auth.store import ensure_user
from emprops.collections import service as collections
from emprops.custody import service as custody
from emprops.decks import queries, store
from emprops.decks.placing import UNTITLED
from emprops.decks.queries import DeckRow
from emprops.decks.states import DeckStatus, sources_of
from emprops.decks.store import Owner
from emprops.errors import BadRequestError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class Changes:
    """What a caller wants changed: only the columns that were sent (``name``, ``description``, ``cover_output_id``)."""

    columns: dict[str, Any] = field(default_factory=dict)
    status: DeckStatus | None = None


async def create_deck(
    tx: Transaction,
    user_id: UUID,
    *,
    collection_id: UUID,
    name: str | None,
    description: str | None,
    beneficiary: tuple[str, str] | None,
) -> DeckRow:
    """Make an empty, active deck for a collection that the user may use; named after it unless told.

    ``beneficiary``: the social identity it is held for. Raises :class:`NotFoundError` for the collection.
    """
    await ensure_user(tx, user_id)
    collection = await collections.get_runnable(tx, user_id, collection_id)
    link_id = await custody.hold_for(tx, user_id, beneficiary)
    deck_id = new_id()
    await store.insert_deck(
        tx,
        deck_id=deck_id,
        owner=Owner(user_id, link_id),
        collection_id=collection.id,
        name=name or collection.title.strip() or UNTITLED,
        description=description,
    )
    return await _read(tx, deck_id)


async def change_deck(tx: Transaction, deck_id: UUID, owner: UUID | None, changes: Changes) -> DeckRow:
    """Change one of the owner's decks; ``owner`` None: anyone's, for services.

    Raises :class:`NotFoundError`, and :class:`BadRequestError` for a state that cannot follow the present one, or for
    a cover that is no visible output of this deck.
    """
    cover = changes.columns.get("cover_output_id")
    # the output before the deck, in the order in which hiding or moving it locks them
    has_cover = cover is None or await store.shows(tx, deck_id, cover)
    deck = await store.lock(tx, deck_id)
    if deck is None or (owner is not None and deck.user_id != owner):
        raise NotFoundError("Deck not found")
    if not has_cover:
        raise BadRequestError("cover_output_id must be a visible output of this deck; null takes the cover away.")
    if changes.columns:
        await store.update_columns(tx, deck_id, changes.columns)
    if changes.status is not None and not await store.move(
        tx, deck_id, changes.status, publishing=changes.status == DeckStatus.PUBLISHED, among=sources_of(changes.status)
    ):
        raise BadRequestError(f"The deck is {deck.status}; make it active before it becomes {changes.status}.")
    return await _read(tx, deck_id)


async def reorder(tx: Transaction, deck_id: UUID, owner: UUID | None, output_ids: Sequence[UUID]) -> DeckRow:
    """Put visible outputs of a deck first, in the order given; the others follow as they were, hidden ones last.
    Positions then have no gaps.

    Raises :class:`NotFoundError`, and :class:`BadRequestError` if an output is named twice or is not in the deck.
    """
    known = await store.state_of(tx, deck_id)
    if known is None or (owner is not None and known.user_id != owner):
        raise NotFoundError("Deck not found")
    await store.lock_outputs(tx, deck_id)
    await store.lock(tx, deck_id)
    present = await store.outputs_in_order(tx, deck_id, hidden=False)
    unknown = set(output_ids) - set(present)
    if unknown or len(set(output_ids)) != len(output_ids):
        named = ", ".join(sorted(str(output_id) for output_id in unknown)) or "one of them twice"
        raise BadRequestError(f"output_ids must name visible outputs of this deck, each once; it names {named}.")
    chosen = set(output_ids)
    others = [output_id for output_id in present if output_id not in chosen]
    hidden = await store.outputs_in_order(tx, deck_id, hidden=True)
    await store.renumber(tx, deck_id, [*output_ids, *others, *hidden])
    return await _read(tx, deck_id)


async def _read(tx: Transaction, deck_id: UUID) -> DeckRow:
    deck = await queries.deck_of(tx, deck_id)
    assert deck is not None  # noqa: S101 - locked or inserted above
    return deck
