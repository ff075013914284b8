"""Sign-ins on the audit log: the first time a day (UTC) that a token or a key is accepted for a caller.

Tokens are checked with each request, so that is what a sign-in is here; sessions are recorded where they begin. A
``user_id`` header that is believed proves nothing and is none.
"""

from datetime import UTC, datetime

import psycopg
import structlog

from emprops.audit.actions import Action
from emprops.audit.service import record_daily
from emprops.auth.caller import Caller
from emprops.kit.database import Database

log = structlog.get_logger(__name__)

MAX_REMEMBERED = 100_000


class SignIns:
    """Records them; one per process, which remembers what it has recorded that day."""

    def __init__(self) -> None:
        self._day = ""
        self._seen: set[str] = set()

    async def note(self, caller: Caller, database: Database) -> None:
        """Record a caller, once a day. A failure keeps nobody out: the next request tries again."""
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        if day != self._day or len(self._seen) >= MAX_REMEMBERED:
            self._day, self._seen = day, set()
        actor = caller.actor
        if actor in self._seen:
            return
        self._seen.add(actor)  # at once, so that requests that come together write one entry
        details = {"scopes": sorted(caller.scopes)} if caller.key_id else {"roles": sorted(caller.roles)}
        target = f"key:emp_{caller.key_prefix}" if caller.key_id else f"user:{caller.user_id}"
        try:
            async with database.reader() as connection:
                await record_daily(connection, actor, Action.SIGNED_IN, target, details, user_id=caller.user_id)
        except psycopg.Error as error:
            self._seen.discard(actor)
            log.warning("sign-in not recorded", error=str(error))
