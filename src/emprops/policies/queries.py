"""SQL that reads policies."""

from emprops.kit.database import Transaction
from emprops.policies.rules import Policy, Rules

COLUMNS = """
    job_type, host, builders, authors, floor, models, max_pixels, max_count, max_seconds, concurrency, per_minute,
    updated_at, updated_by
"""


async def list_policies(reader: Transaction) -> list[Policy]:
    """Return all policies, by job type and host; that of all hosts first."""
    return await reader.fetch_all(Policy, f"SELECT {COLUMNS} FROM policy ORDER BY job_type, host")


async def get(reader: Transaction, job_type: str, host: str) -> Policy | None:
    """Return the policy of a job type, or of one host."""
    return await reader.fetch_one(
        Policy, f"SELECT {COLUMNS} FROM policy WHERE job_type = %s AND host = %s", (job_type, host)
    )


async def rules(reader: Transaction) -> Rules:
    """Return all policies as rules: operators write few, so this is one small read."""
    return Rules.of(await reader.fetch_all(Policy, f"SELECT {COLUMNS} FROM policy"))


async def queue_limits(reader: Transaction) -> dict[str, tuple[int | None, int | None]]:
    """Return what the queue has to keep to: job type → how many steps may run at once, and how many may begin in a
    minute, over all workers; None: any number. Job types without either are left out."""
    rows = await reader.fetch_dicts(
        """
        SELECT job_type, concurrency, per_minute FROM policy
        WHERE host = '' AND (concurrency IS NOT NULL OR per_minute IS NOT NULL)
        """
    )
    return {row["job_type"]: (row["concurrency"], row["per_minute"]) for row in rows}
