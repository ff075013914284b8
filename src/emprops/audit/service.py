"""The audit log: who did what to whom.

``record`` is all that a feature needs. It appends in the transaction that does the thing, so that both are stored or
neither is; it takes no lock. ``chaining.py`` joins the entries to the chain a moment later.
"""

import getpass
import os
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from emprops.audit import store
from emprops.audit.actions import Action
from emprops.kit.database import Transaction
from emprops.kit.telemetry.logging import known

EMPROPS = "emprops"
"""The actor of what happens by itself."""
MAX_TEXT = 300
"""Longest text in the details; more is cut off, because prompts and messages do not belong there."""
MAX_ITEMS = 100
_SECRET = re.compile(r"(emp_[a-z0-9]{8})_[A-Za-z0-9_-]{43}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|whsec_\S+")


async def record(
    tx: Transaction,
    actor: str,
    action: Action,
    target: str,
    details: Mapping[str, Any] | None = None,
    *,
    user_id: UUID | None = None,
) -> None:
    """Append an entry, as the last thing before the transaction ends.

    ``actor``: ``caller.actor`` of a request, :func:`at_the_terminal` of a command, :data:`EMPROPS`. ``target``: the
    kind and id of what it was done to, such as ``job:<id>``. ``user_id``: whom it concerns. ``details``: what else
    tells it apart, never a secret, a prompt, or what a user wrote.
    """
    await store.append(tx, _entry(actor, action, target, details, user_id))


async def record_daily(
    tx: Transaction,
    actor: str,
    action: Action,
    target: str,
    details: Mapping[str, Any] | None = None,
    *,
    user_id: UUID | None = None,
) -> bool:
    """Append an entry unless the same actor did the same to the same target today (UTC): for what happens all the time.

    Requests at the same moment may both append. False: there was one.
    """
    return await store.append_daily(tx, _entry(actor, action, target, details, user_id))


def _entry(
    actor: str, action: Action, target: str, details: Mapping[str, Any] | None, user_id: UUID | None
) -> store.NewEntry:
    return store.NewEntry(
        actor=_plain(actor),
        action=action.value,
        target=_plain(target),
        user_id=user_id,
        details=_plain(dict(details or {})),
        request_id=known("request_id"),
    )


def at_the_terminal() -> str:
    """Return the actor of a command: who is logged in on the server."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name, as in many containers
        return f"cli:{os.getuid()}"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, without secrets and long texts."""
    if isinstance(value, Mapping):
        return {_plain(str(name)): _plain(inner) for name, inner in list(value.items())[:MAX_ITEMS]}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_plain(inner) for inner in list(items)[:MAX_ITEMS]]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = _SECRET.sub(lambda match: f"{match[1]}_…" if match[1] else "…", str(value)).replace("\x00", "")
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
