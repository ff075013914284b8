"""Make, read, change and list decks."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from emprops.auth import foreign
from emprops.auth.caller import Caller
from emprops.auth.dependencies import CurrentCaller, CurrentUser
from emprops.auth.once import Once
from emprops.custody.service import named_identity
from emprops.decks import queries, service
from emprops.decks.count_store import counts_of
from emprops.decks.queries import DeckRow
from emprops.decks.schemas import (
    DeckChanges,
    DeckOrder,
    DeckStats,
    DeckSummary,
    DeckView,
    NewDeck,
    SocialOrg,
    Status,
    summary_of,
    view_of,
)
from emprops.decks.states import SHARED, DeckStatus
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok, reply
from emprops.kit.web.paging import MAX_LIMIT, MAX_OFFSET, Page, Paging
from emprops.media.result_links import Naming

routes = router(prefix="/decks", tags=["decks"])
collection_routes = router(tags=["decks"])

SocialIdentifier = Annotated[str | None, Query(min_length=1, max_length=200)]
# the contract's client sends neither and expects the deck's outputs, so the default is the most there can be
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most outputs; 200 unless given.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Outputs to skip.")]


@routes.post("", status_code=201, response_model=Envelope[DeckSummary], responses=failures(_404="Collection not found"))
async def create_deck(body: NewDeck, user_id: CurrentUser, tx: Tx, resources: Shared, _once: Once) -> Response:
    """Make a deck for a collection; it is empty and active."""
    deck = await service.create_deck(
        tx,
        user_id,
        collection_id=body.collection_id,
        name=body.name,
        description=body.description,
        beneficiary=named_identity(body.social_org, body.social_identifier),
    )
    return reply(summary_of(deck, resources.settings.base_url), status=201)


@routes.get("", response_model=Envelope[list[DeckSummary]])
async def list_decks(
    user_id: CurrentUser,
    reader: Reader,
    resources: Shared,
    page: Paging,
    status: Status | None = None,
    social_org: SocialOrg | None = None,
    social_identifier: SocialIdentifier = None,
) -> Response:
    """List the caller's decks over all collections, newest first; archived ones only by ``status=archived``."""
    held_for = named_identity(social_org, social_identifier)
    wanted = queries.DeckFilter(user_id=user_id, status=status, held_for=held_for)
    return reply(
        [summary_of(deck, resources.settings.base_url) for deck in await queries.list_decks(reader, wanted, page)]
    )


@routes.get("/{deck_id}", response_model=Envelope[DeckView])
async def get_deck(
    deck_id: UUID,
    caller: CurrentCaller,
    reader: Reader,
    resources: Shared,
    results: Naming,
    limit: Limit = MAX_LIMIT,
    offset: Offset = 0,
) -> Response:
    """Read one of the caller's decks, or a published one, with its visible outputs by position."""
    deck = await queries.deck_of(reader, deck_id)
    if deck is None:
        raise NotFoundError("Deck not found")
    private = caller.is_service or deck.user_id == caller.user_id
    if not private and deck.status not in SHARED:
        raise NotFoundError("Deck not found")
    await foreign.note_service(reader, caller, deck.user_id)
    outputs = await queries.outputs_of_deck(reader, deck_id, Page(limit, offset))
    return reply(view_of(deck, outputs, resources.settings.base_url, results, private=private))


@routes.get("/{deck_id}/stats")
async def get_deck_stats(deck_id: UUID, caller: CurrentCaller, reader: Reader) -> Envelope[DeckStats]:
    """Count the outputs of one of the caller's decks, or of a published one, by status."""
    deck = await queries.deck_of(reader, deck_id)
    private = deck is not None and (caller.is_service or deck.user_id == caller.user_id)
    if deck is None or not (private or deck.status in SHARED):
        raise NotFoundError("Deck not found")
    counts = await counts_of(reader, deck_id)
    return ok(DeckStats(byStatus=counts.by_status(with_hidden=private)))


@routes.patch("/{deck_id}", operation_id="changeDeck", response_model=Envelope[DeckSummary])
async def update_deck(deck_id: UUID, body: DeckChanges, caller: CurrentCaller, tx: Tx, resources: Shared) -> Response:
    """Change one of the caller's decks: name, description, cover, status. Only what is sent changes."""
    columns = body.model_dump(include=body.model_fields_set - {"status"})
    status = DeckStatus(body.status) if "status" in body.model_fields_set else None
    deck = await service.change_deck(tx, deck_id, caller.user_id, service.Changes(columns, status))
    await _note(tx, caller, deck, "change")
    return reply(summary_of(deck, resources.settings.base_url))


@routes.delete("/{deck_id}", response_model=Envelope[DeckSummary])
async def archive_deck(deck_id: UUID, caller: CurrentCaller, tx: Tx, resources: Shared) -> Response:
    """Archive one of the caller's decks: it leaves the default views and takes no outputs until it is active again."""
    return reply(summary_of(await _become(tx, deck_id, caller, DeckStatus.ARCHIVED), resources.settings.base_url))


@routes.post("/{deck_id}/publish", response_model=Envelope[DeckSummary])
async def publish_deck(deck_id: UUID, caller: CurrentCaller, tx: Tx, resources: Shared) -> Response:
    """Publish one of the caller's decks: anyone who has its id may read it. The first time of publication stays."""
    return reply(summary_of(await _become(tx, deck_id, caller, DeckStatus.PUBLISHED), resources.settings.base_url))


@routes.post("/{deck_id}/lock", response_model=Envelope[DeckSummary])
async def lock_deck(deck_id: UUID, caller: CurrentCaller, tx: Tx, resources: Shared) -> Response:
    """Lock one of the caller's decks: no output is added any more, not even by jobs that are running."""
    return reply(summary_of(await _become(tx, deck_id, caller, DeckStatus.LOCKED), resources.settings.base_url))


@routes.patch("/{deck_id}/order", response_model=Envelope[DeckSummary])
async def reorder_deck(deck_id: UUID, body: DeckOrder, caller: CurrentCaller, tx: Tx, resources: Shared) -> Response:
    """Put outputs of one of the caller's decks first, in the order given; the others follow as they were."""
    deck = await service.reorder(tx, deck_id, caller.user_id, body.output_ids)
    await _note(tx, caller, deck, "reorder")
    return reply(summary_of(deck, resources.settings.base_url))


async def _become(tx: Transaction, deck_id: UUID, caller: Caller, status: DeckStatus) -> DeckRow:
    deck = await service.change_deck(tx, deck_id, caller.user_id, service.Changes(status=status))
    await _note(tx, caller, deck, status.value)
    return deck


async def _note(tx: Transaction, caller: Caller, deck: DeckRow, what: str) -> None:
    await foreign.note_change(tx, caller, deck.user_id, f"deck:{deck.id}", what)


@collection_routes.get("/collections/{collection_id}/decks", response_model=Envelope[list[DeckSummary]])
async def list_collection_decks(
    collection_id: UUID,
    caller: CurrentCaller,
    reader: Reader,
    resources: Shared,
    page: Paging,
    status: Status | None = None,
    social_org: SocialOrg | None = None,
    social_identifier: SocialIdentifier = None,
) -> Response:
    """List a collection's decks, newest first: all for its owner, for others their own and published ones."""
    held_for = named_identity(social_org, social_identifier)
    scope = await queries.scope_of(reader, collection_id, caller.user_id)
    if scope is None or not (caller.is_service or scope.is_owner or scope.is_known):
        raise NotFoundError("Collection not found")
    sees_all = caller.is_service or scope.is_owner
    wanted = queries.DeckFilter(
        user_id=None if sees_all else caller.user_id,
        also_published=not sees_all,
        collection_id=collection_id,
        status=status,
        held_for=held_for,
    )
    return reply(
        [summary_of(deck, resources.settings.base_url) for deck in await queries.list_decks(reader, wanted, page)]
    )
