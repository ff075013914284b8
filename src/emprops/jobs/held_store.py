"""SQL of steps that are ready, and that a quota holds back from the queue."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from emprops.kit.database import KEYS, Transaction

HELD = "s.held_back_for IS NOT NULL AND s.status = 'pending'"
REVIEWED = "j.moderation IS NOT DISTINCT FROM 'start_review'"
"""Somebody has to look at the job first, whatever quotas say."""


@dataclass(frozen=True, slots=True)
class HeldStep:
    """A step that is held back, with what its job counts for besides its user."""

    id: UUID
    key_id: UUID | None
    collection_id: UUID | None


async def users(reader: Transaction, *, limit: int) -> list[UUID]:
    """Return users for whose quotas steps are held back; of more than ``limit`` any, so that all have their turn."""
    return await reader.fetch_values(
        f"""
        SELECT held_back_for FROM (
            SELECT DISTINCT s.held_back_for FROM step s JOIN job j ON j.id = s.job_id WHERE {HELD} AND NOT {REVIEWED}
        ) held ORDER BY random() LIMIT %s
        """,
        (limit,),
    )


async def users_of_jobs(reader: Transaction, job_ids: Collection[UUID]) -> list[UUID]:
    """Return those of the users of these jobs for whose quotas steps are held back."""
    return await reader.fetch_values(
        f"""
        SELECT j.user_id FROM (SELECT DISTINCT user_id FROM job WHERE id = {KEYS}) j
        WHERE EXISTS (SELECT FROM step s WHERE s.held_back_for = j.user_id AND {HELD})
        """,
        (list(job_ids),),
    )


async def steps_of(reader: Transaction, user_id: UUID, *, limit: int) -> list[HeldStep]:
    """Return the steps that are held back for a user, in the order in which they are to go; of each key and collection
    so many at most, so that one that is full does not hide the others."""
    return await reader.fetch_all(
        HeldStep,
        f"""
        SELECT id, key_id, collection_id FROM (
            SELECT s.id, j.key_id, j.collection_id, row_number() OVER in_order AS place,
                   row_number() OVER (PARTITION BY j.key_id, j.collection_id
                                      ORDER BY j.priority DESC, j.created_at, s.job_id, s.step_order) AS among_its_kind
            FROM step s JOIN job j ON j.id = s.job_id
            WHERE s.held_back_for = %s AND {HELD} AND NOT {REVIEWED}
            WINDOW in_order AS (ORDER BY j.priority DESC, j.created_at, s.job_id, s.step_order)
        ) held
        WHERE among_its_kind <= %s ORDER BY place
        """,
        (user_id, limit),
    )


async def let_go(tx: Transaction, step_ids: Collection[UUID]) -> list[UUID]:
    """Let steps go to the queue; returns those that may go now. One that somebody else changes is left alone."""
    return await tx.fetch_values(
        """
        UPDATE step SET held_back_for = NULL, updated_at = now()
        WHERE id IN (SELECT id FROM step WHERE id = ANY(%s) AND held_back_for IS NOT NULL AND status = 'pending'
                     FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id
        """,
        (list(step_ids),),
    )


async def counts(reader: Transaction) -> dict[str, int]:
    """Return how many steps of each job type are held back."""
    rows = await reader.fetch_values(
        f"""
        SELECT ARRAY[s.step_type, count(*)::text] FROM step s JOIN job j ON j.id = s.job_id
        WHERE {HELD} AND NOT {REVIEWED} GROUP BY s.step_type
        """
    )
    return {job_type: int(count) for job_type, count in rows}


async def before(reader: Transaction, step_id: UUID) -> int | None:
    """Return how many steps of its user are in the queue, run, or go before a step that is held back; None if it is
    not."""
    found: int | None = await reader.fetch_value(
        f"""
        SELECT (SELECT count(*) FROM job o JOIN step s ON s.job_id = o.id AND s.status IN ('pending', 'processing')
                WHERE o.user_id = j.user_id AND o.status IN ('pending', 'processing') AND s.input_data IS NOT NULL
                      AND (s.held_back_for IS NULL
                           OR (-o.priority, o.created_at, o.id, s.step_order)
                              < (-j.priority, j.created_at, j.id, held.step_order)))
        FROM step held JOIN job j ON j.id = held.job_id
        WHERE held.id = %s AND {HELD.replace("s.", "held.")}
        """,
        (step_id,),
    )
    return found
