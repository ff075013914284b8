"""The shapes of custody requests and replies."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from emprops.custody.store import Holding, SocialLink, Transfer
from emprops.kit.web.schema import Schema

SocialOrg = Literal["farcaster", "twitter", "discord", "lens", "github"]

LINK: dict[str, Any] = {
    "id": "0192f3a4-0000-7000-8000-000000000011",
    "social_org": "farcaster",
    "social_identifier": "vitalik",
    "miniapp_user_id": None,
    "user_id": "0192f3a4-0000-7000-8000-000000000012",
    "claimed_at": "2026-01-10T12:00:00Z",
}
MOVED: dict[str, Any] = {
    "user_id": LINK["user_id"],
    "collections": 1,
    "decks": 2,
    "outputs": 5,
    "holders": ["0192f3a4-0000-7000-8000-000000000013"],
    "transferred_at": "2026-01-10T12:00:00Z",
}


class SocialLinkView(Schema):
    """A social identity."""

    model_config = ConfigDict(json_schema_extra={"example": LINK})

    id: UUID
    social_org: SocialOrg
    social_identifier: str
    miniapp_user_id: str | None
    user_id: UUID | None
    """Who signed up as this identity."""
    claimed_at: datetime | None


class HoldingView(Schema):
    """How much a user holds for the identity, hidden and archived things included."""

    user_id: UUID
    """Who holds it."""
    collections: int
    """How many collections."""
    decks: int
    """How many decks."""
    outputs: int
    """How many outputs."""


class CustodyTransferView(Schema):
    """What a transfer moved, and to whom."""

    model_config = ConfigDict(json_schema_extra={"example": MOVED})

    user_id: UUID
    """Who got it."""
    collections: int
    """How many collections."""
    decks: int
    """How many decks."""
    outputs: int
    """How many outputs."""
    holders: list[UUID]
    """Users who had held it."""
    transferred_at: datetime
    """When."""


class SocialLinkDetailView(SocialLinkView):
    """A social identity, and what is held for it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **LINK,
                "user_id": None,
                "claimed_at": None,
                "held": [{"user_id": MOVED["holders"][0], "collections": 1, "decks": 2, "outputs": 5}],
                "transfer": None,
            }
        }
    )

    held: list[HoldingView]
    """By whom and how much; a user sees only their own part."""
    transfer: CustodyTransferView | None
    """What was handed over, when somebody signed up; null before."""


class TransferredCustodyView(CustodyTransferView):
    """A transfer, with the identity."""

    model_config = ConfigDict(json_schema_extra={"example": {**MOVED, "social_link": LINK}})

    social_link: SocialLinkView
    """The identity."""


class TransferBody(Schema):
    """Who signed up, and as which identity. Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "social_org": "farcaster",
                "social_identifier": "vitalik",
                "user_id": "0192f3a4-0000-7000-8000-000000000012",
            }
        }
    )

    social_org: SocialOrg
    social_identifier: str = Field(min_length=1, max_length=200)
    user_id: UUID
    """Who signed up."""


def link_view_of(link: SocialLink) -> SocialLinkView:
    """Show a link."""
    return SocialLinkView.model_validate(asdict(link))


def detail_of(link: SocialLink, held: list[Holding], transfer: Transfer | None) -> SocialLinkDetailView:
    """Show a link with what is held for it."""
    return SocialLinkDetailView.model_validate(
        {
            **asdict(link),
            "held": [asdict(holding) for holding in held],
            "transfer": None if transfer is None else _moved(transfer),
        }
    )


def transferred_view_of(link: SocialLink, transfer: Transfer) -> TransferredCustodyView:
    """Show a transfer."""
    return TransferredCustodyView.model_validate({**_moved(transfer), "social_link": asdict(link)})


def _moved(transfer: Transfer) -> dict[str, Any]:
    return {**asdict(transfer), "transferred_at": transfer.created_at}
