"""Policies of job types."""

from typing import Any

from emprops.kit.database import Transaction
from emprops.policies import store
from emprops.policies.rules import Policy


async def make_policy(tx: Transaction, job_type: str, host: str = "", **limits: Any) -> str:
    """A policy, also of a job type that nobody serves; its job type."""
    await store.put(tx, Policy(job_type, host, **limits), by="the test")
    return job_type
