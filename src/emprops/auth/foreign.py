"""Who touches what belongs to another user, and may, is on the audit log."""

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import structlog

from emprops.audit.actions import Action
from emprops.audit.service import record, record_daily
from emprops.auth.caller import Caller
from emprops.kit.database import Database, Transaction

log = structlog.get_logger(__name__)

MAX_REMEMBERED = 10_000
_seen: set[tuple[str, str, UUID | None]] = set()
"""What this process has recorded: day, actor, user."""


async def note_change(tx: Transaction, caller: Caller, owner: UUID | None, target: str, what: str) -> None:
    """Record that a caller changes what belongs to another user. The owner's changes, and those of a service that
    speaks for the owner, are no news."""
    if owner is not None and owner != caller.user_id:
        await record(tx, caller.actor, Action.FOREIGN_CHANGED, target, {"what": what}, user_id=owner)


async def note_operator(tx: Transaction, caller: Caller, owner: UUID | None, target: str, what: str) -> None:
    """Record that an operator changes what belongs to a user, the operator's own things included: the way counts."""
    await record(tx, caller.actor, Action.FOREIGN_CHANGED, target, {"what": what}, user_id=owner)


async def note_read(tx: Transaction, caller: Caller, owner: UUID | None, target: str, what: str) -> None:
    """Record that an operator looks at what belongs to a user, the operator's own things included."""
    await record(tx, caller.actor, Action.FOREIGN_READ, target, {"what": what}, user_id=owner)


async def note_service(reader: Transaction, caller: Caller, owner: UUID | None) -> None:
    """Record, once a day (UTC), that a service which does not speak for a user looks at what the user has; None: at
    what everybody has. A failure does not keep it from looking, unless it spoils a transaction."""
    if not caller.is_service or (owner is not None and owner == caller.user_id):
        return
    key = (f"{datetime.now(UTC):%Y-%m-%d}", caller.actor, owner)
    if key in _seen:
        return
    target = f"user:{owner}" if owner else "everybody"
    try:
        await record_daily(reader, caller.actor, Action.FOREIGN_READ, target, {"by": "service"}, user_id=owner)
    except psycopg.Error as error:
        if reader.whole:
            raise
        log.warning("foreign access not recorded", error=str(error))
        return
    if reader.whole:
        reader.after_commit(lambda: _remember(key))
    else:
        _remember(key)


def _remember(key: tuple[str, str, UUID | None]) -> None:
    if len(_seen) >= MAX_REMEMBERED:
        _seen.clear()
    _seen.add(key)


async def note_monitor(database: Database, caller: Caller) -> None:
    """Record that somebody begins to watch what everybody has. A failure does not keep them from it."""
    try:
        async with database.reader() as reader:
            await note_read(reader, caller, None, "everybody", "monitor")
    except psycopg.Error as error:
        log.warning("foreign access not recorded", error=str(error))
