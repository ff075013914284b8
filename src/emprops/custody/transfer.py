"""Hand over what is held for an identity when it signs up: once, everything, in one transaction.

The caller has proof that the user is that identity. Jobs stay with the user who started and paid for them; a job that
still runs completes its output in its new place.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.auth.store import ensure_user
from emprops.custody import store
from emprops.custody.service import identity
from emprops.custody.store import Held, SocialLink, Transfer
from emprops.errors import ConflictError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id

BATCH = 5_000
"""Rows per statement, so that none of them runs into the statement timeout."""


async def transfer(
    tx: Transaction, org: str, identifier: str, user_id: UUID, *, requested_by: str, actor: str
) -> tuple[SocialLink, Transfer]:
    """Make a user the owner of everything that is held for an identity; an identity nobody knew is claimed as well.

    A repetition for the same user changes nothing and gives what the first one did. ``actor`` is for the audit log.

    Raises :class:`~emprops.errors.ConflictError` if another user has claimed the identity, and
    :class:`~emprops.errors.BadRequestError` if it is none.
    """
    link = await _locked(tx, *identity(org, identifier))
    if link.user_id is None:
        await ensure_user(tx, user_id)
        moved = await _hand_over(tx, link, user_id, requested_by)
        await record(tx, actor, Action.CUSTODY_TRANSFERRED, f"social_link:{link.id}", {"moved": moved}, user_id=user_id)
        link = await _locked(tx, link.social_org, link.social_identifier)
    done = await store.transfer_of(tx, link.id)
    if link.user_id != user_id or done is None:
        raise ConflictError("This identity has signed up as another user already.")
    return link, done


async def _locked(tx: Transaction, org: str, identifier: str) -> SocialLink:
    link = await store.find(tx, org, identifier) or await store.upsert(tx, new_id(), org, identifier, None)
    link = link and await store.lock(tx, link.id)
    assert link is not None  # noqa: S101 - an upsert always gives a row, and links are not deleted
    return link


async def _hand_over(tx: Transaction, link: SocialLink, user_id: UUID, requested_by: str) -> dict[str, int]:
    """Move everything; returns how much of what."""
    await store.claim(tx, link.id, user_id)
    # the order in which everybody locks these: jobs, files, outputs, decks
    await store.lock_surroundings(tx, link.id)
    collections = await _move(tx, link, user_id, store.lock_collections, store.move_collections)
    outputs = await _move(tx, link, user_id, store.lock_outputs, store.move_outputs)
    decks = await _move(tx, link, user_id, store.lock_decks, store.move_decks)
    await store.insert_transfer(
        tx,
        link.id,
        user_id,
        collections=len(collections),
        decks=len(decks),
        outputs=len(outputs),
        holders=sorted({held.user_id for held in (*collections, *outputs, *decks)}),
        requested_by=requested_by,
    )
    return {"collections": len(collections), "decks": len(decks), "outputs": len(outputs)}


async def _move(
    tx: Transaction,
    link: SocialLink,
    user_id: UUID,
    lock: Callable[[Transaction, UUID, int], Awaitable[list[Held]]],
    move: Callable[[Transaction, Sequence[UUID], UUID], Awaitable[None]],
) -> list[Held]:
    """Move until nothing is left: while it waited for a job's end, that may have added outputs next to the first."""
    moved: list[Held] = []
    while held := await lock(tx, link.id, BATCH):
        await move(tx, [one.id for one in held], user_id)
        moved += held
    return moved
