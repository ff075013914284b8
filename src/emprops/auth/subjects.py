"""Which users the subjects of tokens are. One that is a UUID is the user's id; for any other a user is made on first
sight."""

from uuid import UUID

from emprops.auth import store
from emprops.auth.identity_header import canonical_uuid
from emprops.auth.tokens import Subject
from emprops.kit.database import Database

MAX_REMEMBERED = 10_000


async def user_of(subject: Subject, database: Database) -> UUID:
    """Return the user that a subject is."""
    user_id = canonical_uuid(subject.id)
    if user_id is not None:
        return user_id
    async with database.reader() as reader:
        user_id = await store.find_identity(reader, subject.issuer, subject.id)
    if user_id is None:
        async with database.transaction() as tx:
            user_id = await store.add_identity(tx, subject.issuer, subject.id)
    return user_id


class Users:
    """The same, remembered: tokens come with each request. One per process."""

    def __init__(self) -> None:
        self._known: dict[Subject, UUID] = {}

    async def of(self, subject: Subject, database: Database) -> UUID:
        """Return the user that a token is about."""
        user_id = self._known.get(subject)
        if user_id is None:
            user_id = await user_of(subject, database)
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[subject] = user_id
        return user_id
