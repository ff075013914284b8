"""How many outputs a deck or a collection has in each status, without counting them.

A trigger notes what each statement changes (``output_count_change``), upkeep adds the notes to the totals
(``output_count``), and readers add up both: the answer is exact, and costs the same for ten outputs and ten million.
docs/decisions/0014-output-counts.md says why.
"""

from dataclasses import asdict, dataclass
from uuid import UUID

from emprops.kit.database import Database, Transaction
from emprops.kit.folding import fold


@dataclass(frozen=True, slots=True)
class Counts:
    """Outputs by status."""

    pending: int
    processing: int
    completed: int
    failed: int
    hidden: int

    @property
    def total(self) -> int:
        """All of them, hidden ones too."""
        return self.pending + self.processing + self.completed + self.failed + self.hidden

    def by_status(self, *, with_hidden: bool = True) -> dict[str, int]:
        """The statuses that occur."""
        return {
            status: number for status, number in asdict(self).items() if number and (with_hidden or status != "hidden")
        }


async def counts_of(reader: Transaction, subject: UUID) -> Counts:
    """Return the counts of a deck or a collection; zeros for one without outputs, or that does not exist."""
    counts = await reader.fetch_one(
        Counts,
        """
        SELECT coalesce(sum(pending), 0)::bigint AS pending, coalesce(sum(processing), 0)::bigint AS processing,
               coalesce(sum(completed), 0)::bigint AS completed, coalesce(sum(failed), 0)::bigint AS failed,
               coalesce(sum(hidden), 0)::bigint AS hidden
        FROM (SELECT * FROM output_count WHERE subject = %(subject)s
              UNION ALL SELECT * FROM output_count_change WHERE subject = %(subject)s) parts
        """,
        {"subject": subject},
    )
    assert counts is not None  # noqa: S101 - an aggregate always gives a row
    return counts


async def fold_changes(database: Database) -> int:
    """Add noted changes to the totals; an upkeep duty. Returns how many notes it took."""
    return await fold(
        database,
        "fold_output_counts",
        """
        WITH taken AS (
            DELETE FROM output_count_change
            WHERE ctid = ANY (ARRAY(SELECT ctid FROM output_count_change LIMIT %s)) RETURNING *
        ), folded AS (
            INSERT INTO output_count AS total
            SELECT subject, sum(pending), sum(processing), sum(completed), sum(failed), sum(hidden)
            FROM taken GROUP BY subject
            ON CONFLICT (subject) DO UPDATE
            SET pending = total.pending + excluded.pending, processing = total.processing + excluded.processing,
                completed = total.completed + excluded.completed, failed = total.failed + excluded.failed,
                hidden = total.hidden + excluded.hidden
        )
        SELECT count(*) FROM taken
        """,
    )
