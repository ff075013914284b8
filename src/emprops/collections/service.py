"""Who may run which collection, and where new ones go."""

from uuid import UUID

from emprops.auth.store import ensure_user
from emprops.collections import store
from emprops.collections.store import Collection
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


async def get_runnable(tx: Transaction, caller_user_id: UUID | None, id_or_slug: str | UUID) -> Collection:
    """Give a collection that the caller may generate from: an own one, or one that is published, public or global.

    Archived ones and other people's drafts look unknown. Raises :class:`~emprops.errors.NotFoundError`.
    """
    collection = await store.get(tx, id_or_slug)
    if collection is None or collection.archived or not _open_to(collection, caller_user_id):
        raise NotFoundError("Collection not found")
    return collection


async def ensure_default_project(tx: Transaction, user_id: UUID) -> UUID:
    """Give the user's default project, made on first use."""
    await ensure_user(tx, user_id)
    return await store.insert_default_project(tx, new_id(), user_id)


def _open_to(collection: Collection, user_id: UUID | None) -> bool:
    is_open = collection.status == "published" or collection.is_public or collection.is_global
    return is_open or collection.user_id == user_id
