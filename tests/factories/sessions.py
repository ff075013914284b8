"""Sessions."""

from typing import Any
from uuid import UUID

from tests.factories.people import make_user

from emprops.auth.sessions import digest_of, make_secret
from emprops.kit.database import Transaction
from emprops.sessions.store import NewSession, add


async def make_session(tx: Transaction, user: UUID | None = None, *, role: str = "user", **more: Any) -> str:
    """A session, of a new user if none is named; gives what the browser has of it."""
    user, secret = user or await make_user(tx), make_secret()
    reads_only = more.pop("reads_only", role == "viewer")
    new = NewSession(user, role, "link", "the test", reads_only=reads_only, **more)
    await add(tx, new, digest=digest_of(secret), user_agent="Firefox on Linux")
    return secret
