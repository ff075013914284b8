"""Find room for outputs in a deck. Every addition is one conditional write that also locks the deck."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from emprops.decks import store
from emprops.decks.states import LETS_GO, TAKES_ANY, TAKES_NAMED, DeckStatus
from emprops.decks.store import DeckState, Owner, Place
from emprops.errors import AppError, BadRequestError, NotFoundError, UnavailableError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id

__all__ = [
    "Owner",
    "Place",
    "Wanted",
    "lock_all",
    "place_all_in_newest",
    "place_in_named",
    "place_results",
    "put_back",
    "take_out",
    "take_places",
    "why_full",
    "why_kept",
    "why_not",
]

TRIES = 5
UNTITLED = "Untitled"
CHANGED = "The deck changed while it was being filled; try again."


async def place_in_named(
    tx: Transaction, *, deck_id: UUID, owner: Owner, collection_id: UUID, count: int, developed: bool = False
) -> Place:
    """Take ``count`` places in a deck the caller named.

    Raises :class:`NotFoundError` for an unknown or foreign deck and :class:`BadRequestError` for one that is locked,
    archived, held for somebody else or of another collection (``developed``: the collection does not matter, C41).
    """
    place = await store.take_places(
        tx,
        deck_id,
        count,
        accepting=TAKES_NAMED,
        owner=owner,
        collection_id=None if developed else collection_id,
    )
    if place is not None:
        return place
    deck = await store.state_of(tx, deck_id)
    raise why_not(deck, owner, None if developed else collection_id) or UnavailableError(CHANGED)


def why_not(deck: DeckState | None, owner: Owner, collection_id: UUID | None) -> AppError | None:
    """Return why a deck does not take outputs of an owner and a collection (None: whose collection does not matter);
    None if it does."""
    if deck is None or deck.user_id != owner.user_id:
        return NotFoundError("Deck not found")
    if deck.status == DeckStatus.LOCKED:
        return BadRequestError("The deck is locked; unlock it or choose another one.")
    if deck.status == DeckStatus.ARCHIVED:
        return BadRequestError("The deck is archived; make it active again or choose another one.")
    if deck.custodied_for != owner.custodied_for:
        return BadRequestError("The deck is held for somebody else; choose one of the same beneficiary.")
    if collection_id is not None and deck.collection_id != collection_id:
        return BadRequestError("The deck belongs to another collection; choose one of this collection.")
    return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Outputs that go to the newest active deck of an owner and a collection."""

    owner: Owner
    collection_id: UUID
    title: str
    """What a deck is called that has to be made for them."""
    count: int


async def place_all_in_newest(tx: Transaction, wanted: Sequence[Wanted]) -> list[Place]:
    """Do what :func:`place_in_newest` does for several at once; the places of those who share a deck follow each other
    in this order."""
    choices = [store.Choice(one.owner, one.collection_id) for one in wanted]
    counts: dict[store.Choice, int] = defaultdict(int)
    for choice, one in zip(choices, wanted, strict=True):
        counts[choice] += one.count
    found = await store.take_newest_places(tx, counts, TAKES_ANY) if counts else {}
    places = []
    for choice, one in zip(choices, wanted, strict=True):
        place = found.get(choice)
        if place is None:
            place = await place_in_newest(
                tx, owner=one.owner, collection_id=one.collection_id, title=one.title, count=counts[choice]
            )
        places.append(place)
        found[choice] = Place(place.deck_id, place.position + one.count)
    return places


async def place_in_newest(tx: Transaction, *, owner: Owner, collection_id: UUID, title: str, count: int) -> Place:
    """Take ``count`` places in the owner's newest active deck of the collection; make a deck named after the
    collection if there is none. Two first generations at once make one deck."""
    place = await _take_newest(tx, owner, collection_id, count)
    if place is not None:
        return place
    await store.lock_choice(tx, owner, collection_id)
    place = await _take_newest(tx, owner, collection_id, count)
    if place is not None:
        return place
    deck_id = new_id()
    await store.insert_deck(
        tx, deck_id=deck_id, owner=owner, collection_id=collection_id, name=title.strip() or UNTITLED
    )
    place = await store.take_places(tx, deck_id, count, accepting=TAKES_ANY)
    if place is None:
        raise UnavailableError(CHANGED)
    return place


async def _take_newest(tx: Transaction, owner: Owner, collection_id: UUID, count: int) -> Place | None:
    """Take places in the newest active deck; look again when it stops being active in between."""
    for _ in range(TRIES):
        deck_id = await store.newest(tx, owner, collection_id, TAKES_ANY)
        if deck_id is None:
            return None
        place = await store.take_places(tx, deck_id, count, accepting=TAKES_ANY)
        if place is not None:
            return place
    raise UnavailableError("Your decks keep changing; try again.")


async def place_results(tx: Transaction, deck_id: UUID, count: int) -> Place | None:
    """Take places for further results of a job next to its first one; None if the deck takes no more by now."""
    return await store.take_places(tx, deck_id, count, accepting=TAKES_NAMED)


async def take_out(tx: Transaction, deck_id: UUID, output_ids: Sequence[UUID]) -> None:
    """Say that these outputs are no longer visible in their deck, in whatever state that is."""
    await store.drop_outputs(tx, deck_id, output_ids)


async def lock_all(tx: Transaction, deck_ids: Collection[UUID]) -> dict[UUID, DeckState]:
    """Lock decks in the order of their ids, and tell how they stand; what does not exist is missing."""
    return await store.lock_all(tx, deck_ids)


def why_kept(deck: DeckState) -> AppError | None:
    """Return why a deck lets no output go for another deck, or for none; None if it does: a locked one's set of outputs
    does not change any more (docs/decisions/0011-locked-decks.md)."""
    if deck.status in LETS_GO:
        return None
    return BadRequestError("The output is in a locked deck; unlock that before you move it.")


def why_full(deck: DeckState) -> AppError | None:
    """Return why an output that was hidden cannot come back into its deck; None if it can."""
    if deck.status in LETS_GO:
        return None
    return BadRequestError("The output was in a deck that is locked now; unlock that before you bring it back.")


async def take_places(tx: Transaction, deck_id: UUID, count: int) -> int:
    """Take places at the end of a locked deck that takes them; returns the first."""
    place = await store.take_places(tx, deck_id, count, accepting=TAKES_NAMED)
    assert place is not None  # noqa: S101 - it is locked and was looked at
    return place.position


async def put_back(tx: Transaction, deck_id: UUID, count: int) -> None:
    """Record that outputs are visible again at their places in a locked deck."""
    await store.count_again(tx, deck_id, count)
