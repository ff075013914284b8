"""What a job does to its outputs, and how these are afterwards."""

from typing import Any
from uuid import UUID

from tests.factories import (
    Job,
    make_file,
)
from tests.outputs.opening import open_outputs

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.media.file_store import FileRow
from emprops.outputs import job_results


async def opened(
    tx: Transaction, job: Job, generations: int = 1, output_id: UUID | None = None, **to: Any
) -> list[UUID]:
    return await open_outputs(
        tx, job, generations, input_metadata={"variables": {}}, output_id=output_id, to=job_results.Destination(**to)
    )


async def outputs_of(tx: Transaction, job: Job) -> list[dict[str, Any]]:
    return await tx.fetch_dicts("SELECT * FROM output WHERE job_id = %s ORDER BY generation, id", (job.id,))


async def deck_of(tx: Transaction, deck_id: UUID) -> dict[str, Any]:
    return (await tx.fetch_dicts("SELECT * FROM deck WHERE id = %s", (deck_id,)))[0]


async def decks_agree(tx: Transaction) -> bool:
    """The counts that decks keep are those of their visible outputs, and no position is beyond the last."""
    wrong = await tx.fetch_values(
        """
        SELECT d.id FROM deck d LEFT JOIN output o ON o.deck_id = d.id GROUP BY d.id
        HAVING d.output_count <> count(o.id) FILTER (WHERE o.status <> 'hidden')
               OR d.last_position < coalesce(max(o.position), 0)
        """
    )
    return wrong == []


async def a_file(tx: Transaction, job: Job, mime_type: str = "image/png") -> FileRow:
    key = f"generations/{new_id()}.png"
    return FileRow(await make_file(tx, key=key, mime_type=mime_type, job=job), f"http://x/files/{key}", mime_type)


async def states(tx: Transaction, job: Job) -> list[str]:
    return [output["status"] for output in await outputs_of(tx, job)]
