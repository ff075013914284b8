"""Social links: the identities for whom things are held until they sign up (spec: Custodial Collections)."""

from emprops.custody import store
from emprops.custody.store import SocialLink
from emprops.errors import BadRequestError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id

__all__ = ["ORGS", "SocialLink", "find_link", "find_or_make_link"]

ORGS = ("farcaster", "twitter", "discord", "lens", "github")
MAX_IDENTIFIER = 200


async def find_link(reader: Transaction, org: str, identifier: str) -> SocialLink | None:
    """Give the link of an identity; None if there is none yet. Raises :class:`~emprops.errors.BadRequestError`."""
    return await store.find(reader, *_identity(org, identifier))


async def find_or_make_link(
    tx: Transaction, org: str, identifier: str, miniapp_user_id: str | None = None
) -> SocialLink:
    """Give the link of an identity, made on first use; two requests at once get the same one.

    A link without a ``miniapp_user_id`` takes the one given; one that has it keeps it, because a miniapp must not be
    able to take over another's user. Raises :class:`~emprops.errors.BadRequestError` for an unknown network, and for
    an identifier that is empty or longer than 200 characters.
    """
    org, identifier = _identity(org, identifier)
    link = await store.find(tx, org, identifier)
    if link is None or (miniapp_user_id is not None and link.miniapp_user_id is None):
        link = await store.upsert(tx, new_id(), org, identifier, miniapp_user_id)
    assert link is not None  # noqa: S101 - an upsert always gives a row
    return link


def _identity(org: str, identifier: str) -> tuple[str, str]:
    if org not in ORGS:
        raise BadRequestError(f"social_org must be one of {', '.join(ORGS)}.")
    identifier = identifier.strip()
    if not 0 < len(identifier) <= MAX_IDENTIFIER:
        raise BadRequestError(f"social_identifier must be a text of 1 to {MAX_IDENTIFIER} characters.")
    return org, identifier
