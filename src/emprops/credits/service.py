"""Paying for generations: set aside when a job starts, spent when it succeeds, given back when it fails.

Everything here happens in the caller's transaction, with the job locked once it exists, so credits follow whatever
becomes of the job. A successful job is charged once, whatever was retried. See docs/decisions/0006-credits.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from emprops.auth.store import ensure_user
from emprops.credits import limits, store
from emprops.credits.amounts import LIMIT, to_micros, to_number
from emprops.credits.parts import Settlement
from emprops.credits.store import Account, NewHold
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


async def hold(tx: Transaction, holds: Sequence[NewHold], *, terms: Terms) -> None:
    """Set aside what new jobs cost. Their users must exist; nothing is written for a free job.

    Raises :class:`~emprops.errors.NotEnoughCreditsError`, :class:`~emprops.errors.SpendingLimitError`, and
    :class:`~emprops.errors.ConflictError` if a job has a hold; each leaves a transaction to be rolled back.
    """
    priced = {new.job_id: new for new in holds if new.amount} if terms.enforced else {}
    if not priced:
        return
    try:
        held = await store.hold(tx, list(priced.values()))
        left = [new for job_id, new in priced.items() if job_id not in held]
        if left:
            # the first time somebody pays, the account is not there yet
            for user_id in sorted({new.user_id for new in left}):
                await store.open_account(tx, user_id, terms.initial)
            held = await store.hold(tx, left)
            for new in left:
                if new.job_id not in held:
                    account = await store.account_of(tx, new.user_id)
                    raise _too_little(new.amount, account.available if account else 0)
    except store.AlreadyHeldError:
        raise ConflictError("workflow_id names a job that exists already.") from None
    await limits.check(tx, list(priced.values()))


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
        again = NewHold(hold.user_id, job_id, hold.amount, "Retry", hold.key_id)
        await limits.check(tx, [again])
    elif hold is not None and hold.state == "released":
        account = await store.account_of(tx, hold.user_id)
        raise _too_little(hold.amount, account.available if account else 0)


def _too_little(needed: int, available: int) -> NotEnoughCreditsError:
    return NotEnoughCreditsError(to_number(needed), to_number(available))


async def capture(tx: Transaction, settlements: Mapping[UUID, Settlement | None]) -> None:
    """Spend what jobs cost, because they have succeeded. Call with the jobs locked; again changes nothing.

    A settlement is what a job's usage came to: that much is spent, and the rest of its hold is given back. A job that
    had failed, so that its hold was released, is charged anew; if the user cannot pay by now, the job's result stands
    and its price is noted as unpaid.
    """
    charges = {job_id: _charge_of(job_id, settled) for job_id, settled in settlements.items()}
    if not charges:
        return
    states = await store.capture(tx, list(charges.values()))
    for job_id, state in states.items():
        if state != "released":
            continue
        if await store.hold_again(tx, job_id, "Completed after a failure"):
            await store.capture(tx, [charges[job_id]])
        else:
            unpaid = _with_usage("Completed after a failure, without enough credits", settlements[job_id])
            await store.note_unpaid(tx, job_id, unpaid, charge=charges[job_id].charge)


def _charge_of(job_id: UUID, settled: Settlement | None) -> store.Charge:
    return store.Charge(
        job_id,
        _with_usage("Generation completed", settled),
        None if settled is None else settled.charge,
        rest="Held for this job and not used",
    )


def _with_usage(reason: str, settled: Settlement | None) -> str:
    return f"{reason}: {settled.reason}" if settled else reason


async def release(tx: Transaction, job_id: UUID) -> None:
    """Release what is held for a job, because it has failed. Call with the job locked; again changes nothing."""
    await store.release(tx, job_id, "Generation failed")


async def lock_accounts(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """Before several jobs end in one transaction: lock the accounts that pay for them, in one order for everybody. Of
    the jobs, only they and their outputs are locked before."""
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


async def available_to(reader: Transaction, user_id: UUID, *, terms: Terms) -> int:
    """Return what a user may spend. Nothing is written for one who has not been seen: they have the initial credits."""
    account = await store.account_of(reader, user_id)
    return terms.initial if account is None else account.available


async def _add(tx: Transaction, user_id: UUID, kind: str, amount: int, reason: str, terms: Terms) -> int | None:
    await ensure_user(tx, user_id)
    await store.open_account(tx, user_id, terms.initial)
    return await store.add(tx, user_id, kind=kind, amount=amount, reason=reason)
