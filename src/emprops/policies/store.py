"""SQL that writes policies."""

from emprops.kit.database import Transaction
from emprops.policies.rules import Policy


async def put(tx: Transaction, policy: Policy, *, by: str) -> None:
    """Store a policy in place of the one that is there."""
    await tx.execute(
        """
        INSERT INTO policy (job_type, host, builders, authors, floor, models, max_pixels, max_count, max_seconds,
                            concurrency, per_minute, updated_by)
        VALUES (%(job_type)s, %(host)s, %(builders)s, %(authors)s, %(floor)s, %(models)s, %(max_pixels)s, %(max_count)s,
                %(max_seconds)s, %(concurrency)s, %(per_minute)s, %(by)s)
        ON CONFLICT (job_type, host) DO UPDATE SET
            builders = excluded.builders, authors = excluded.authors, floor = excluded.floor, models = excluded.models,
            max_pixels = excluded.max_pixels, max_count = excluded.max_count, max_seconds = excluded.max_seconds,
            concurrency = excluded.concurrency, per_minute = excluded.per_minute, updated_at = now(),
            updated_by = excluded.updated_by
        """,
        {
            "job_type": policy.job_type,
            "host": policy.host,
            "builders": policy.builders,
            "authors": list(policy.authors),
            "floor": policy.floor,
            "models": None if policy.models is None else list(policy.models),
            "max_pixels": policy.max_pixels,
            "max_count": policy.max_count,
            "max_seconds": policy.max_seconds,
            "concurrency": policy.concurrency,
            "per_minute": policy.per_minute,
            "by": by,
        },
    )


async def remove(tx: Transaction, job_type: str, host: str) -> bool:
    """Remove a policy. False: there is none."""
    return await tx.execute("DELETE FROM policy WHERE job_type = %s AND host = %s", (job_type, host)) == 1
