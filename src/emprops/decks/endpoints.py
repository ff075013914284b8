"""Read decks."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from emprops.auth.dependencies import CurrentCaller
from emprops.decks import views
from emprops.decks.schemas import DeckView, view_of
from emprops.decks.states import SHARED
from emprops.errors import NotFoundError
from emprops.kit.envelope import Envelope, ok
from emprops.kit.paging import MAX_LIMIT, MAX_OFFSET, Page
from emprops.kit.requests import Reader, router

routes = router(prefix="/decks", tags=["decks"])

# the spec's client sends neither and expects the deck's outputs, so the default is the most there can be
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most outputs; 200 unless given.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Outputs to skip.")]


@routes.get("/{deck_id}")
async def get_deck(
    deck_id: UUID, caller: CurrentCaller, reader: Reader, limit: Limit = MAX_LIMIT, offset: Offset = 0
) -> Envelope[DeckView]:
    """Read an own deck, or a published one, with its visible outputs by position."""
    deck = await views.deck_of(reader, deck_id)
    if deck is None:
        raise NotFoundError("Deck not found")
    private = caller.is_service or deck.user_id == caller.user_id
    if not private and deck.status not in SHARED:
        raise NotFoundError("Deck not found")
    outputs = await views.outputs_of_deck(reader, deck_id, Page(limit, offset))
    return ok(view_of(deck, outputs, private=private))
