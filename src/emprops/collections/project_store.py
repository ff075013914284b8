"""Projects in PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page

COLUMNS = "id, user_id, name, is_default, version, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class Project:
    """A user's container of collections."""

    id: UUID
    user_id: UUID
    name: str
    is_default: bool
    version: str
    created_at: datetime
    updated_at: datetime


async def get(reader: Transaction, project_id: UUID) -> Project | None:
    """Return a project of any owner."""
    return await reader.fetch_one(Project, f"SELECT {COLUMNS} FROM project WHERE id = %s", (project_id,))


async def list_of_user(reader: Transaction, user_id: UUID, page: Page) -> list[Project]:
    """List a user's projects, newest first."""
    return await reader.fetch_all(
        Project,
        f"SELECT {COLUMNS} FROM project WHERE user_id = %s ORDER BY created_at DESC, id DESC LIMIT %s OFFSET %s",
        (user_id, page.limit, page.offset),
    )


async def insert(tx: Transaction, project_id: UUID, user_id: UUID, name: str) -> Project:
    """Insert a project of an existing user."""
    project = await tx.fetch_one(
        Project,
        f"INSERT INTO project (id, user_id, name) VALUES (%s, %s, %s) RETURNING {COLUMNS}",
        (project_id, user_id, name),
    )
    assert project is not None  # noqa: S101 - an insert that succeeds returns its row
    return project


async def rename(tx: Transaction, project_id: UUID, name: str) -> Project:
    """Rename an existing project."""
    project = await tx.fetch_one(
        Project,
        f"UPDATE project SET name = %s, updated_at = now() WHERE id = %s RETURNING {COLUMNS}",
        (name, project_id),
    )
    assert project is not None  # noqa: S101 - projects are not deleted
    return project


async def insert_default(tx: Transaction, project_id: UUID, user_id: UUID) -> UUID:
    """Insert the user's default project unless there is one; returns the id of the one there is."""
    await tx.execute(
        """
        INSERT INTO project (id, user_id, name, is_default) VALUES (%s, %s, 'Default', true)
        ON CONFLICT (user_id) WHERE is_default DO NOTHING
        """,
        (project_id, user_id),
    )
    found: UUID = await tx.fetch_value("SELECT id FROM project WHERE user_id = %s AND is_default", (user_id,))
    return found
