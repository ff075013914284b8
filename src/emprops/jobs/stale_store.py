"""SQL about steps and jobs from which nothing was heard for long. Every write names the state that was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class StaleStep:
    """An open, ready step of an open job's present attempt, as it was read."""

    id: UUID
    job_id: UUID
    step_name: str
    run: int
    attempt: int
    status: str
    updated_at: datetime
    age: float
    """Seconds since its last news."""
    sent_again: bool
    """Whether its ticket was sent once more after it had become stale."""


async def stale_steps(
    reader: Transaction, *, stale_after: float, limit: int, after: StaleStep | None = None
) -> list[StaleStep]:
    """Read ready steps, pending or processing, without news for that many seconds;
    the oldest first, those behind ``after``."""
    return await reader.fetch_all(
        StaleStep,
        """
        SELECT s.id, s.job_id, s.step_name, s.run, s.attempt, s.status, s.updated_at,
               extract(epoch FROM now() - s.updated_at)::float8 AS age,
               coalesce(s.queued_at > s.updated_at + make_interval(secs => %(stale)s), false) AS sent_again
        FROM step s JOIN job j ON j.id = s.job_id AND j.retry_count = s.retry_attempt
        WHERE s.status IN ('pending', 'processing') AND s.input_data IS NOT NULL AND s.held_back_for IS NULL
              AND j.status IN ('pending', 'processing')
              AND s.updated_at < now() - make_interval(secs => %(stale)s)
              AND (s.updated_at, s.id) > (coalesce(%(at)s::timestamptz, '-infinity'),
                                          coalesce(%(id)s::uuid, '00000000-0000-0000-0000-000000000000'))
        ORDER BY s.updated_at, s.id LIMIT %(limit)s
        """,
        {
            "stale": stale_after,
            "limit": limit,
            "at": after.updated_at if after else None,
            "id": after.id if after else None,
        },
    )


@dataclass(frozen=True, slots=True)
class Oldest:
    """How old the oldest of something is, in seconds; 0 if there is none."""

    silence: float
    """Time since the last news of a step that could run or runs."""
    unsent: float
    """Age of a step that could run and that the queue has not confirmed."""


async def oldest(reader: Transaction) -> Oldest:
    """Say how far behind the slowest steps are. Each answer is the first entry of an index."""
    found = await reader.fetch_one(
        Oldest,
        """
        SELECT coalesce(extract(epoch FROM now() - (
                   SELECT updated_at FROM step
                   WHERE status IN ('pending', 'processing') AND input_data IS NOT NULL AND held_back_for IS NULL
                   ORDER BY updated_at LIMIT 1
               )), 0)::float8 AS silence,
               coalesce(extract(epoch FROM now() - (
                   SELECT created_at FROM step
                   WHERE status = 'pending' AND queued_at IS NULL AND input_data IS NOT NULL AND held_back_for IS NULL
                   ORDER BY created_at LIMIT 1
               )), 0)::float8 AS unsent
        """,
    )
    assert found is not None  # noqa: S101 - a statement without FROM has one row
    return found


async def touch(tx: Transaction, steps: Sequence[StaleStep]) -> int:
    """Note that these steps are alive, where nothing happened to them since they were read. Returns how many."""
    return await tx.execute(
        """
        UPDATE step SET updated_at = now()
        FROM unnest(%s::uuid[], %s::int[], %s::timestamptz[]) AS seen (id, run, at)
        WHERE step.id = seen.id AND step.run = seen.run AND step.updated_at = seen.at
              AND step.status IN ('pending', 'processing')
        """,
        ([step.id for step in steps], [step.run for step in steps], [step.updated_at for step in steps]),
    )


async def take_back(tx: Transaction, steps: Sequence[StaleStep]) -> list[UUID]:
    """Make steps whose ticket is lost pending and unsent again, except those that changed since they were read.

    Returns the steps it changed. The time of their last news stays, so that a repeated loss is noticed.
    """
    return await tx.fetch_values(
        """
        UPDATE step SET status = 'pending', progress = 0, worker_id = NULL, queued_at = NULL
        FROM unnest(%s::uuid[], %s::int[], %s::timestamptz[]) AS seen (id, run, at)
        WHERE step.id = seen.id AND step.run = seen.run AND step.updated_at = seen.at
              AND step.status IN ('pending', 'processing')
        RETURNING step.id
        """,
        ([step.id for step in steps], [step.run for step in steps], [step.updated_at for step in steps]),
    )


async def stalled_jobs(reader: Transaction, *, stale_after: float, limit: int) -> list[UUID]:
    """Read open jobs without news for that many seconds that have no ready step to wait for, and no person, the oldest
    first."""
    return await reader.fetch_values(
        """
        SELECT j.id FROM job j
        WHERE j.status IN ('pending', 'processing') AND j.updated_at < now() - make_interval(secs => %s)
              AND j.moderation IS DISTINCT FROM 'results_review'
              AND NOT EXISTS (
                  SELECT FROM step s
                  WHERE s.job_id = j.id AND s.retry_attempt = j.retry_count AND s.input_data IS NOT NULL
                        AND s.status IN ('pending', 'processing')
              )
        ORDER BY j.updated_at LIMIT %s
        """,
        (stale_after, limit),
    )
