"""Paying for generations: set aside when a job starts, spent when it succeeds, given back when it fails.

Everything here happens in the caller's transaction, with the job locked once it exists, so credits follow whatever
becomes of the job. A successful job is charged once, whatever was retried. See docs/decisions/0006-credits.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from emprops.auth.store import ensure_user
from emprops.credits import limits, store
from emprops.credits.amounts import LIMIT, to_micros, to_number
from emprops.credits.parts import Settlement
from emprops.credits.store import Account
from emprops.errors import BadRequestError, ConflictError, NotEnoughCreditsError
from emprops.kit.database import Transaction
from emprops.settings import Settings


@dataclass(frozen=True, slots=True)
class Terms:
    """How this installation charges."""

    enforced: bool = True
    """False: prices are shown, and nothing is held."""
    initial: int = 0
    """Micro-credits that a user starts with."""


def terms_from(settings: Settings) -> Terms:
    """Read the terms from the settings."""
    return Terms(enforced=settings.credits_enforced, initial=to_micros(settings.initial_credits))


async def hold(
    tx: Transaction,
    *,
    user_id: UUID,
    job_id: UUID,
    amount: int,
    reason: str,
    terms: Terms,
    key_id: UUID | None = None,
) -> None:
    """Set aside what a new job costs. The user must exist; nothing is written for a free job.

    Raises :class:`~emprops.errors.NotEnoughCreditsError`, :class:`~emprops.errors.SpendingLimitError`, and
    :class:`~emprops.errors.ConflictError` if the job has a hold; each leaves a transaction to be rolled back.
    """
    if amount == 0 or not terms.enforced:
        return
    new = store.NewHold(user_id, job_id, amount, reason, key_id)
    try:
        if not await store.hold(tx, new):
            # the first time somebody pays, the account is not there yet
            await store.open_account(tx, user_id, terms.initial)
            if not await store.hold(tx, new):
                account = await store.account_of(tx, user_id)
                raise _too_little(amount, account.available if account else 0)
    except store.AlreadyHeldError:
        raise ConflictError("workflow_id names a job that exists already.") from None
    await limits.check(tx, user_id=user_id, key_id=key_id, needed=amount)


async def hold_again(tx: Transaction, job_id: UUID, *, terms: Terms) -> None:
    """Set aside what a job costs, at its first price, because it is tried again. Nothing happens while it is held.

    Call with the job locked. Raises :class:`~emprops.errors.NotEnoughCreditsError` and
    :class:`~emprops.errors.SpendingLimitError`.
    """
    if not terms.enforced:
        await store.waive(tx, job_id)
        return
    held = await store.hold_again(tx, job_id, "Retry")
    hold = await store.hold_of(tx, job_id)
    if held and hold is not None:
        await limits.check(tx, user_id=hold.user_id, key_id=hold.key_id, needed=hold.amount)
    elif hold is not None and hold.state == "released":
        account = await store.account_of(tx, hold.user_id)
        raise _too_little(hold.amount, account.available if account else 0)


def _too_little(needed: int, available: int) -> NotEnoughCreditsError:
    return NotEnoughCreditsError(to_number(needed), to_number(available))


async def capture(tx: Transaction, job_id: UUID, settled: Settlement | None = None) -> None:
    """Spend what a job costs, because it has succeeded. Call with the job locked; again changes nothing.

    ``settled`` is what its usage came to: that much is spent, and the rest of the hold is given back. A job that had
    failed, so that its hold was released, is charged anew; if the user cannot pay by now, the job's result stands and
    its price is noted as unpaid.
    """
    charge = None if settled is None else settled.charge
    reason = _with_usage("Generation completed", settled)
    rest = "Held for this job and not used"
    if await store.capture(tx, job_id, reason, charge=charge, rest=rest) != "released":
        return
    if await store.hold_again(tx, job_id, "Completed after a failure"):
        await store.capture(tx, job_id, reason, charge=charge, rest=rest)
    else:
        unpaid = _with_usage("Completed after a failure, without enough credits", settled)
        await store.note_unpaid(tx, job_id, unpaid, charge=charge)


def _with_usage(reason: str, settled: Settlement | None) -> str:
    return f"{reason}: {settled.reason}" if settled else reason


async def release(tx: Transaction, job_id: UUID) -> None:
    """Release what is held for a job, because it has failed. Call with the job locked; again changes nothing."""
    await store.release(tx, job_id, "Generation failed")


async def lock_accounts(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """Before several jobs end in one transaction, and before anything of theirs but the jobs is locked: lock the
    accounts that pay for them, in one order for everybody."""
    if job_ids:
        await store.lock_accounts(tx, job_ids)


async def grant(tx: Transaction, user_id: UUID, amount: int, *, reason: str, terms: Terms) -> int:
    """Grant a user credits; returns the ledger entry's id. Raises :class:`~emprops.errors.BadRequestError`."""
    if amount <= 0:
        raise BadRequestError("amount: must be above 0")
    entry_id = await _add(tx, user_id, "grant", amount, reason, terms)
    if entry_id is None:
        raise BadRequestError(f"amount: a user must have fewer than {LIMIT} credits")
    return entry_id


async def adjust(tx: Transaction, user_id: UUID, amount: int, *, reason: str, terms: Terms) -> int:
    """Correct what a user has, up or down; returns the ledger entry's id. Raises
    :class:`~emprops.errors.BadRequestError`, also for taking more than is available."""
    if amount == 0:
        raise BadRequestError("amount: must not be 0")
    entry_id = await _add(tx, user_id, "adjust", amount, reason, terms)
    if entry_id is None:
        raise BadRequestError(f"amount: a user must be left with at least 0 and fewer than {LIMIT} credits")
    return entry_id


async def account_of(tx: Transaction, user_id: UUID, *, terms: Terms) -> Account:
    """Return what a user has. A user who is seen here for the first time gets the initial credits."""
    account = await store.account_of(tx, user_id)
    if account is None:
        await ensure_user(tx, user_id)
        await store.open_account(tx, user_id, terms.initial)
        account = await store.account_of(tx, user_id)
    return account or Account()


async def _add(tx: Transaction, user_id: UUID, kind: str, amount: int, reason: str, terms: Terms) -> int | None:
    await ensure_user(tx, user_id)
    await store.open_account(tx, user_id, terms.initial)
    return await store.add(tx, user_id, kind=kind, amount=amount, reason=reason)
