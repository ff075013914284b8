"""How a session that comes with a request is checked. The cookie holds 256 random bits; of them a SHA-256 is stored."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from emprops.auth import session_store
from emprops.auth.caller import OPERATOR, READ, VIEWER, Caller
from emprops.auth.guesses import Guesses
from emprops.auth.keys import digest_of
from emprops.auth.session_store import Session
from emprops.auth.session_watch import SessionWatch
from emprops.auth.startup import is_for_one_machine
from emprops.kit.database import Database
from emprops.kit.web.parts import Part
from emprops.settings import Settings

REMEMBER = 15.0
"""Seconds for which a session's row is believed without looking again: the longest a revoked session still works."""
MAX_REMEMBERED = 10_000
_MEANT = {"operator": frozenset({OPERATOR}), "viewer": frozenset({VIEWER}), "user": frozenset[str]()}


def make_secret() -> str:
    """Make what a browser keeps of a session, or what a link has of it."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class _Remembered:
    row: Session
    read_at: float


class SessionRing:
    """Checks sessions against the database, at most once per :data:`REMEMBER` seconds and session; one per process."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._local = is_for_one_machine(settings)
        self._clock = clock
        self._remembered: dict[bytes, _Remembered] = {}
        self._wrong = Guesses(clock)
        self.watch = SessionWatch()

    def proven(self, secret: str) -> bool:
        """Return whether this secret was found within the last :data:`REMEMBER` seconds."""
        return self._fresh(digest_of(secret)) is not None

    def is_guess(self, secret: str) -> bool:
        """Return whether a secret that belongs to nothing is one more try."""
        return self._wrong.is_new(digest_of(secret))

    def forget(self, session_id: UUID) -> None:
        """Let a session end at once in this process: it was revoked here."""
        for digest in [digest for digest, known in self._remembered.items() if known.row.id == session_id]:
            del self._remembered[digest]
        self.watch.end(session_id)

    async def find(self, secret: str, database: Database) -> Session | None:
        """Return a session, ended or not; None: there is no such session, or its rights have gone with the mode."""
        digest = digest_of(secret)
        known = self._fresh(digest)
        row = known.row if known else await self._read(digest, database)
        # who was believed on a loopback address proved nothing to an installation that others reach
        return None if row is None or (row.way == "local" and not self._local) else row

    def _fresh(self, digest: bytes) -> _Remembered | None:
        known = self._remembered.get(digest)
        return known if known is not None and self._clock() - known.read_at < REMEMBER else None

    async def _read(self, digest: bytes, database: Database) -> Session | None:
        now = self._clock()
        async with database.reader() as connection:
            row = await session_store.find_session(connection, digest)
            if row is not None and row.live and row.idle:
                await session_store.touch_session(connection, row.id)
        self._remembered.pop(digest, None)
        if row is None:
            return None
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = _Remembered(row, now)
        return row


def caller_of(session: Session) -> Caller:
    """Return what a session makes of its sender: a user, with what the way in said that the user is."""
    return Caller(
        user_id=session.user_id,
        scopes=frozenset({READ}) if session.reads_only else frozenset(),
        roles=frozenset(session.roles) | _MEANT[session.role],
        session_id=session.id,
    )


SESSIONS: Part[SessionRing] = Part("sessions")
