"""Social links: the identities for whom things are held until they sign up.

A transaction that makes something for an identity shares its link until it ends; a transfer locks it. So what is made
at the same moment is either transferred with the rest or refused, never left behind.
"""

import unicodedata
from uuid import UUID

from emprops.custody import store
from emprops.custody.store import SocialLink
from emprops.errors import BadRequestError, ConflictError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id

__all__ = ["ORGS", "SocialLink", "find_link", "find_or_make_link", "hold_for", "identity", "is_held", "named_identity"]

ORGS = ("farcaster", "twitter", "discord", "lens", "github")
CASELESS = frozenset({"farcaster", "github", "twitter"})
"""Networks to which Anna and anna are one."""
MAX_IDENTIFIER = 200


async def find_link(reader: Transaction, org: str, identifier: str) -> SocialLink | None:
    """Return the link of an identity; None if there is none yet. Raises :class:`~emprops.errors.BadRequestError`."""
    return await store.find(reader, *identity(org, identifier))


async def hold_for(tx: Transaction, user_id: UUID, beneficiary: tuple[str, str] | None) -> UUID | None:
    """Return the link for which a user is about to hold something; None if they make it for themselves: they name
    nobody, or the identity that they signed up as. Raises what :func:`find_or_make_link` raises."""
    return None if beneficiary is None else (await find_or_make_link(tx, *beneficiary, maker=user_id)).holds


async def find_or_make_link(
    tx: Transaction, org: str, identifier: str, miniapp_user_id: str | None = None, *, maker: UUID | None = None
) -> SocialLink:
    """Return the link of an identity, made on first use, to hold something for it in this transaction; two requests at
    once get the same one. Call it before outputs or decks are locked; what is made gets ``custodied_for=link.holds``.

    A link without a ``miniapp_user_id`` takes the one given; one that has it keeps it, because a miniapp must not be
    able to take over another's user. Raises :class:`~emprops.errors.BadRequestError` for an unknown network and for
    an identifier that is empty or longer than 200 characters, and :class:`~emprops.errors.ConflictError` once the
    identity has signed up, unless the ``maker`` is who did.
    """
    org, identifier = identity(org, identifier)
    link = await store.find(tx, org, identifier)
    if link is None or (miniapp_user_id is not None and link.miniapp_user_id is None):
        link = await store.upsert(tx, new_id(), org, identifier, miniapp_user_id)
    else:
        link = await store.share(tx, link.id)
    assert link is not None  # noqa: S101 - an upsert always gives a row, and links are not deleted
    if link.user_id not in (None, maker):
        raise ConflictError(
            f"{identifier} of {org} has signed up, so nothing is held for them any more; only they can create this."
        )
    return link


async def is_held(tx: Transaction, link_id: UUID) -> bool:
    """Whether things are still held for an identity; if so, they are until the transaction ends. Call it before
    outputs or decks are locked."""
    link = await store.share(tx, link_id)
    return link is not None and link.user_id is None


def identity(org: str, identifier: str) -> tuple[str, str]:
    """Return an identity as it is stored and compared: without spaces and a leading @, in Unicode's composed form, and
    in lower case where the network ignores case. Raises :class:`~emprops.errors.BadRequestError`."""
    if org not in ORGS:
        raise BadRequestError(f"social_org must be one of {', '.join(ORGS)}.")
    identifier = unicodedata.normalize("NFC", identifier.strip().lstrip("@").strip())
    if org in CASELESS:
        identifier = identifier.casefold()
    if not 0 < len(identifier) <= MAX_IDENTIFIER:
        raise BadRequestError(f"social_identifier must be a text of 1 to {MAX_IDENTIFIER} characters.")
    return org, identifier


def named_identity(org: str | None, identifier: str | None) -> tuple[str, str] | None:
    """Read the two fields of a request that name an identity; None if it names none.

    Raises :class:`~emprops.errors.BadRequestError` for one without the other, and as :func:`identity`.
    """
    if org is None and identifier is None:
        return None
    if org is None or identifier is None:
        raise BadRequestError("social_org and social_identifier belong together; send both or neither.")
    return identity(org, identifier)
