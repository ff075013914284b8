"""SQL of moderation: which collections are checked, and what a person has to decide."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.web.paging import Page
from emprops.moderation.verdicts import Stage

COLUMNS: Final = """
    r.id, r.job_id, j.user_id, j.collection_id, j.name AS job_name, r.stage, r.reason, r.created_at, r.decision, r.note,
    r.decided_at, r.decided_by
"""


@dataclass(frozen=True, slots=True)
class Review:
    """Something that a check left to a person. ``decision`` None: nobody has decided."""

    id: UUID
    job_id: UUID
    user_id: UUID
    collection_id: UUID | None
    job_name: str
    stage: Stage
    reason: str
    created_at: datetime
    decision: str | None
    note: str | None
    decided_at: datetime | None
    decided_by: str | None


async def stages_of(reader: Transaction, collection_id: UUID | None) -> list[str] | None:
    """Return the checks that an operator set for a collection; None: as the installation says."""
    found: list[str] | None = await reader.fetch_value(
        "SELECT stages FROM collection_moderation WHERE collection_id = %s", (collection_id,)
    )
    return found


async def set_stages(tx: Transaction, collection_id: UUID, stages: Collection[str] | None, *, by: str) -> None:
    """Set the checks of a collection; None: those of the installation hold again."""
    if stages is None:
        await tx.execute("DELETE FROM collection_moderation WHERE collection_id = %s", (collection_id,))
        return
    await tx.execute(
        """
        INSERT INTO collection_moderation (collection_id, stages, updated_by) VALUES (%s, %s, %s)
        ON CONFLICT (collection_id) DO UPDATE
        SET stages = excluded.stages, updated_at = now(), updated_by = excluded.updated_by
        """,
        (collection_id, sorted(set(stages)), by),
    )


async def set_state(tx: Transaction, job_id: UUID, state: str | None) -> None:
    """Set what has to be decided before a job goes on. Call with the job locked."""
    await tx.execute("UPDATE job SET moderation = %s, updated_at = now() WHERE id = %s", (state, job_id))


async def open_review(tx: Transaction, job_id: UUID, stage: Stage, reason: str) -> UUID:
    """Leave something to a person; returns the review's id."""
    review_id = new_id()
    await tx.execute(
        "INSERT INTO review (id, job_id, stage, reason) VALUES (%s, %s, %s, %s)", (review_id, job_id, stage, reason)
    )
    return review_id


async def close_reviews(tx: Transaction, job_id: UUID) -> None:
    """Take back what nobody needs to decide any more, because the job has ended."""
    await tx.execute("DELETE FROM review WHERE job_id = %s AND decision IS NULL", (job_id,))


async def get(tx: Transaction, review_id: UUID) -> Review | None:
    """Return one."""
    return await tx.fetch_one(
        Review, f"SELECT {COLUMNS} FROM review r JOIN job j ON j.id = r.job_id WHERE r.id = %s", (review_id,)
    )


async def list_reviews(reader: Transaction, page: Page, *, decided: bool) -> list[Review]:
    """List what was decided, newest first, or what is not decided yet, oldest first."""
    where, order = ("IS NOT NULL", "DESC") if decided else ("IS NULL", "ASC")
    return await reader.fetch_all(
        Review,
        f"""
        SELECT {COLUMNS} FROM review r JOIN job j ON j.id = r.job_id
        WHERE r.decision {where} ORDER BY r.created_at {order}, r.id {order} LIMIT %s OFFSET %s
        """,
        (page.limit, page.offset),
    )


async def decide(tx: Transaction, review_id: UUID, decision: str, *, note: str | None, by: str) -> bool:
    """Note a decision. False if there was one already."""
    return (
        await tx.execute(
            """
            UPDATE review SET decision = %s, note = %s, decided_at = now(), decided_by = %s
            WHERE id = %s AND decision IS NULL
            """,
            (decision, note, by, review_id),
        )
        == 1
    )
