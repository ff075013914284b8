"""Spending limits: how much a user, or an API key, may spend in a day or a month (UTC).

A start is checked after its price was held, with the account and the limits locked, so that no two starts that are
counted against one limit pass each other. See docs/decisions/0044-money.md.
"""

import re
from collections.abc import Sequence
from datetime import UTC
from uuid import UUID

from emprops.audit import service as audit
from emprops.audit.actions import Action
from emprops.auth import store as auth
from emprops.credits import limit_store as store
from emprops.credits.amounts import to_number, to_text
from emprops.credits.limit_store import Limit, Period, SetBy, Subject
from emprops.credits.store import NewHold
from emprops.errors import BadRequestError, NotFoundError, SpendingLimitError
from emprops.kit.database import Transaction

_PREFIX = re.compile(r"emp_([a-z0-9]{8})(?:_.*)?")


async def check(tx: Transaction, holds: Sequence[NewHold]) -> None:
    """Refuse what was just held if a limit of a user or a key does not allow it. Call with the accounts locked.

    Raises :class:`~emprops.errors.SpendingLimitError` about the limit that leaves the least.
    """
    limited = await store.lock(tx, {hold.user_id for hold in holds}, {hold.key_id for hold in holds if hold.key_id})
    for hold in holds:
        if limited.isdisjoint((hold.user_id, hold.key_id)):
            continue
        limits = await store.limits_of(tx, hold.user_id, hold.key_id)
        exceeded = [limit for limit in limits if limit.spent > limit.amount]
        if exceeded:
            raise _refusal(min(exceeded, key=lambda limit: limit.amount - limit.spent), hold.amount)


def _refusal(limit: Limit, needed: int) -> SpendingLimitError:
    before = limit.spent - needed
    left = max(0, limit.amount - before)
    resets_at = limit.resets_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    whose = "this API key" if limit.subject == "key" else "this user"
    own = "The limit that this user set" if limit.set_by == "user" else f"The operator's limit for {whose}"
    ask = "raise it" if limit.set_by == "user" else "ask the operator for more"
    sentence = (
        f"{own}, {to_text(limit.amount)} credits a {limit.period}, leaves {to_text(left)} until {resets_at}, and"
        f" {to_text(needed)} are needed; wait until then, or {ask}."
    )
    details = {
        "subject": limit.subject,
        "period": limit.period,
        "set_by": limit.set_by,
        "amount": to_number(limit.amount),
        "spent": to_number(before),
        "resets_at": resets_at,
    }
    return SpendingLimitError(sentence, needed=to_number(needed), available=to_number(left), limit=details)


async def key_named(tx: Transaction, public_part: str) -> UUID:
    """Return the id of an API key. Raises :class:`~emprops.errors.NotFoundError`."""
    prefix = _PREFIX.fullmatch(public_part)
    key = await auth.find_key(tx, prefix[1]) if prefix else None
    if key is None:
        raise NotFoundError(
            f"There is no API key {public_part[:12]}: it begins with emp_ and 8 letters or digits, as"
            " `emprops keys list` shows it."
        )
    return key.id


async def set_limit(
    tx: Transaction,
    actor: str,
    amount: int | None,
    *,
    user_id: UUID | None = None,
    key_id: UUID | None = None,
    period: Period,
    set_by: SetBy = "operator",
) -> None:
    """Set the limit of a user or a key, in micro-credits; None removes it. Recorded in the audit log under ``actor``.

    Raises :class:`~emprops.errors.BadRequestError` for a user's own limit that is not below the operator's.
    """
    subject: Subject = "key" if user_id is None else "user"
    subject_id = user_id or key_id
    assert subject_id is not None  # noqa: S101 - callers name one
    if amount is not None and set_by == "user":
        most = await store.operators_amount(tx, subject_id, period)
        if most is not None and amount >= most:
            raise BadRequestError(
                f"amount: must be below the operator's limit of {to_text(most)} credits a {period}, which holds anyway"
            )
    action = Action.SPENDING_LIMIT_CHANGED
    if amount is not None:
        await store.put(tx, subject, subject_id, period, set_by, amount)
    elif await store.remove(tx, subject, subject_id, period, set_by):
        action = Action.SPENDING_LIMIT_REMOVED
    else:
        return
    details = {"period": period, "set_by": set_by, "amount": None if amount is None else to_number(amount)}
    await audit.record(tx, actor, action, f"{subject}:{subject_id}", details, user_id=user_id)
