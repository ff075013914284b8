"""Projects: whose they are, and which one collections go to that name none."""

from uuid import UUID

from emprops.auth import foreign
from emprops.auth.caller import Caller
from emprops.auth.store import ensure_user
from emprops.collections import project_store as store
from emprops.collections.project_store import Project
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


async def ensure_default(tx: Transaction, user_id: UUID) -> UUID:
    """Return the user's default project, made on first use."""
    await ensure_user(tx, user_id)
    return await store.insert_default(tx, new_id(), user_id)


async def choose(tx: Transaction, user_id: UUID, project_id: UUID | None) -> UUID:
    """Return the project for a new collection of the user: the one named, else the default one.

    Raises :class:`~emprops.errors.NotFoundError` for one that is not the user's.
    """
    if project_id is None:
        return await ensure_default(tx, user_id)
    project = await store.get(tx, project_id)
    if project is None or project.user_id != user_id:
        raise _unknown()
    return project_id


async def create(tx: Transaction, user_id: UUID, name: str) -> Project:
    """Make a project."""
    await ensure_user(tx, user_id)
    return await store.insert(tx, new_id(), user_id, name)


async def get_own(reader: Transaction, caller: Caller, project_id: UUID) -> Project:
    """Return a project to its owner and to services. Raises :class:`~emprops.errors.NotFoundError`."""
    project = await store.get(reader, project_id)
    if project is None or not (caller.is_service or project.user_id == caller.user_id):
        raise _unknown()
    await foreign.note_service(reader, caller, project.user_id)
    return project


async def rename(tx: Transaction, caller: Caller, project_id: UUID, name: str) -> Project:
    """Rename one of the caller's projects. Raises :class:`~emprops.errors.NotFoundError`."""
    project = await get_own(tx, caller, project_id)
    await foreign.note_change(tx, caller, project.user_id, f"project:{project_id}", "rename")
    return await store.rename(tx, project_id, name)


def _unknown() -> NotFoundError:
    return NotFoundError("Project not found")
