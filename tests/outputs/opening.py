"""The pending outputs of a job, made as its start makes them."""

from typing import Any
from uuid import UUID

from tests.factories import Job

from emprops.kit.database import Transaction
from emprops.outputs.job_results import Opening, open_for_jobs


async def open_outputs(tx: Transaction, job: Job, generations: int = 1, **more: Any) -> list[UUID]:
    opening = Opening(
        job_id=job.id,
        user_id=job.user_id,
        collection_id=job.collection.id,
        collection_title=job.collection.title,
        generations=generations,
        **({"source": "direct_api", "input_metadata": {}} | more),
    )
    (made,) = await open_for_jobs(tx, [opening])
    return made
