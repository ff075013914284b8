"""Setting and removing policies."""

import re
from dataclasses import asdict
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.audit import service as audit
from emprops.audit.actions import Action
from emprops.connectors.registry import JOB_TYPES
from emprops.credits.amounts import to_number
from emprops.credits.prices import MOST
from emprops.errors import BadRequestError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.nearest import did_you_mean
from emprops.policies import queries, store
from emprops.policies.rules import AUTHORS, FETCH_API, Policy
from emprops.queue.fleet import Fleet

UNRECORDED = frozenset({"job_type", "host", "updated_at", "updated_by"})
HOST = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]{2,45}")


class UnknownJobTypeError(BadRequestError):
    """No connector of this package and no live worker serves a job type."""

    code = "unknown_job_type"


async def known_job_types(redis: Redis, prefix: str) -> frozenset[str]:
    """Return the job types that a connector of this package or a live worker serves."""
    try:
        live = {job_type for worker in await Fleet(redis, prefix).workers() for job_type in worker.offers}
    except RedisError:
        live = set()
    return JOB_TYPES | live


def read_host(job_type: str, host: str | None) -> str:
    """Return a host as policies are stored under it; empty if none is named.

    Raises :class:`~emprops.errors.BadRequestError` for what is no host, and for a job type that has none.
    """
    if host is None or host == "":
        return ""
    if job_type != FETCH_API:
        raise BadRequestError(f"Only the policies of {FETCH_API} name a host; leave it out for {job_type}.")
    name = host.strip().lower().rstrip(".").removeprefix("[").removesuffix("]")
    if not HOST.fullmatch(name):
        raise BadRequestError("host must be the name of a host, such as api.example.com, without scheme and port.")
    return name


async def put(tx: Transaction, policy: Policy, known: frozenset[str], *, by: str) -> Policy:
    """Store a policy in place of the one of its job type and host. ``known``: job types that there are; ``by``: the
    actor, as the audit log has it.

    Raises :class:`UnknownJobTypeError` and :class:`~emprops.errors.BadRequestError`.
    """
    if policy.job_type not in known and await queries.get(tx, policy.job_type, "") is None:
        raise UnknownJobTypeError(
            f"No live worker serves {policy.job_type}, and no connector that comes with EmProps does."
            f"{did_you_mean(policy.job_type, known)} For a job type of your own, start its worker first."
        )
    if policy.host and (policy.concurrency is not None or policy.per_minute is not None):
        raise BadRequestError(
            "concurrency and per_minute hold for the whole job type; set them in the policy without a host."
        )
    if (policy.builders == AUTHORS) != bool(policy.authors):
        raise BadRequestError("authors names who may build; give it with builders: authors, and only then.")
    if policy.floor > MOST:
        raise BadRequestError(f"floor must be {MOST // 1_000_000} credits at most.")
    await store.put(tx, policy, by=by)
    await audit.record(tx, by, Action.POLICY_CHANGED, _target(policy), _limits_of(policy))
    stored = await queries.get(tx, policy.job_type, policy.host)
    assert stored is not None  # noqa: S101 - this transaction has just written it
    return stored


async def remove(tx: Transaction, job_type: str, host: str, *, by: str) -> Policy:
    """Remove a policy and return it. Raises :class:`~emprops.errors.NotFoundError`."""
    policy = await queries.get(tx, job_type, host)
    if policy is None or not await store.remove(tx, job_type, host):
        raise NotFoundError(f"There is no policy of {Policy(job_type, host).name}.")
    await audit.record(tx, by, Action.POLICY_REMOVED, _target(policy), _limits_of(policy))
    return policy


def _target(policy: Policy) -> str:
    return f"job_type:{policy.job_type}" + (f"@{policy.host}" if policy.host else "")


def _limits_of(policy: Policy) -> dict[str, Any]:
    """Return what a policy says, for the audit log: amounts in credits."""
    said = {name: value for name, value in asdict(policy).items() if value and name not in UNRECORDED}
    if policy.floor:
        said["floor"] = to_number(policy.floor)
    return said | ({"authors": [str(author) for author in policy.authors]} if policy.authors else {})
