"""Show what is held for whom; hand it over at sign-up."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Path

from emprops.auth.caller import Caller
from emprops.auth.dependencies import CurrentCaller, ServiceCaller
from emprops.custody import store, transfer
from emprops.custody.schemas import (
    SocialLinkDetailView,
    SocialLinkView,
    TransferBody,
    TransferredCustodyView,
    detail_of,
    link_view_of,
    transferred_view_of,
)
from emprops.custody.service import ORGS, find_link
from emprops.custody.store import SocialLink
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Reader, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.paging import Paging

routes = router(prefix="/social-links", tags=["custody"])

Org = Annotated[str, Path(max_length=200, description="farcaster, twitter, discord, lens or github.")]
Identifier = Annotated[str, Path(min_length=1, max_length=200)]


@routes.post("/transfer", responses=failures(_409="This identity has signed up as another user already."))
async def transfer_custody(body: TransferBody, service: ServiceCaller, tx: Tx) -> Envelope[TransferredCustodyView]:
    """Make a user the owner of all that is held for an identity, because they have signed up and proved who they are.

    Collections go to the user's default project. Sent again, it changes nothing and answers the same. The service
    vouches for the proof; `social_identifier` should be what the network never reassigns.
    """
    link, moved = await transfer.transfer(
        tx,
        body.social_org,
        body.social_identifier,
        body.user_id,
        requested_by=service.principal,
        actor=service.actor,
    )
    return ok(transferred_view_of(link, moved))


@routes.get("")
async def list_social_links(_service: ServiceCaller, reader: Reader, page: Paging) -> Envelope[list[SocialLinkView]]:
    """List all known identities, newest first."""
    return ok([link_view_of(link) for link in await store.newest(reader, page)])


@routes.get("/{link_id}")
async def get_social_link(link_id: UUID, caller: CurrentCaller, reader: Reader) -> Envelope[SocialLinkDetailView]:
    """Read an identity by the id that collections, decks and outputs have as `custodied_for`.

    Users see those for whom they hold something, and those they signed up as.
    """
    return ok(await _shown(reader, caller, await store.get(reader, link_id)))


@routes.get("/{social_org}/{social_identifier:path}")
async def find_social_link(
    social_org: Org, social_identifier: Identifier, caller: CurrentCaller, reader: Reader
) -> Envelope[SocialLinkDetailView]:
    """Read an identity by its network and its name there."""
    link = await find_link(reader, social_org, social_identifier) if social_org in ORGS else None
    return ok(await _shown(reader, caller, link))


async def _shown(reader: Transaction, caller: Caller, link: SocialLink | None) -> SocialLinkDetailView:
    if link is None:
        raise NotFoundError("Social link not found")
    held = await store.holdings_of(reader, link.id)
    moved = await store.transfer_of(reader, link.id)
    if not caller.is_service:
        held = [holding for holding in held if holding.user_id == caller.user_id]
        if not held and link.user_id != caller.user_id:
            raise NotFoundError("Social link not found")
        # whom else it was taken from is not the caller's business
        moved = moved and replace(moved, holders=[user_id for user_id in moved.holders if user_id == caller.user_id])
    return detail_of(link, held, moved)
