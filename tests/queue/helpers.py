"""What the queue's tests are written with: short tickets, workers with a name, and time that passes on demand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from emprops.queue.keys import KEYS
from emprops.queue.matching import Offer, WorkerOffers
from emprops.queue.messages import Claim, Finished, Limits, Report, Requirements, Ticket, WorkflowContext
from emprops.queue.reports import parse_report
from emprops.queue.transport import Settled
from emprops.queue.worker_link import WorkerLink

PREFIX = "emprops:"
EPOCH = 1_700_000_000_000
"""Creation time of the first test job, Unix milliseconds."""
ANYTHING: WorkerOffers = {"noop": Offer()}
"""What a worker of a hosted service offers: every requirement of its job type counts as met."""


def make_ticket(
    name: str,
    *,
    at: int = 0,
    priority: int = 50,
    job_type: str = "noop",
    models: Sequence[str] = (),
    custom_nodes: Sequence[str] = (),
    capabilities: dict[str, str] | None = None,
    run: int = 1,
    attempts_before: int = 0,
    limits: Limits | None = None,
    payload: dict[str, Any] | None = None,
    user: str = "",
    weight: int = 1,
) -> Ticket:
    """A ticket of a job made ``at`` milliseconds after :data:`EPOCH`."""
    return Ticket(
        id=name,
        job_type=job_type,
        payload=payload or {},
        workflow_context=WorkflowContext(f"job-of-{name}", priority, EPOCH + at, 1, 1),
        requirements=Requirements(tuple(models), tuple(custom_nodes), tuple(sorted((capabilities or {}).items()))),
        run=run,
        attempts_before=attempts_before,
        limits=limits or Limits(),
        user=user,
        weight=weight,
    )


def with_models(*names: str) -> WorkerOffers:
    """Offers of a worker that has these model files and no custom nodes."""
    return {"noop": Offer(models=frozenset(names), custom_nodes=frozenset())}


def ids(claims: Sequence[Claim]) -> list[str]:
    """Step ids, in the order they were handed out."""
    return [claim.ticket.id for claim in claims]


@dataclass
class Worker:
    """A worker reduced to its link."""

    client: Any
    name: str = "worker-1"
    offers: WorkerOffers = field(default_factory=lambda: ANYTHING)
    lease: float = 60.0
    link: Any = None
    """A transport; by default the one over Redis."""

    def __post_init__(self) -> None:
        if self.link is None:
            self.link = WorkerLink(self.client, prefix=PREFIX, worker_id=self.name, lease=self.lease)

    async def claim(self, want: int = 1) -> list[Claim]:
        """Claim up to ``want``."""
        return list((await self.link.turn([], want, self.offers)).claims)

    async def claim_one(self) -> Claim:
        """Claim the one that must be there."""
        (claim,) = await self.claim()
        return claim

    async def finish(self, claim: Claim, finished: Finished | None = None) -> bool:
        """Report an end. Whether it was accepted."""
        return not (await self.link.turn([Settled(claim, finished or Finished())], 0, self.offers)).late


RETRYABLE = Finished(failure="retryable", error="the service was away")
FINAL = Finished(failure="final", error="refused")


async def lapse(client: Any, *steps: str) -> None:
    """Let leases end now."""
    await client.ping()  # Redis has then run what a stopped or killed worker had sent before, a renewal perhaps
    assert await client.zadd(PREFIX + KEYS.leases, dict.fromkeys(steps, 1), xx=True, ch=True) == len(steps)


async def become_due(client: Any, *steps: str) -> None:
    """Let the waiting time of delayed steps end now."""
    assert await client.zadd(PREFIX + KEYS.delayed, dict.fromkeys(steps, 1), xx=True, ch=True) == len(steps)


async def reports(client: Any, step: str | None = None) -> list[Report]:
    """Everything in the stream, oldest first."""
    return [
        report
        for entry_id, fields in await client.xrange(PREFIX + KEYS.reports)
        for line in fields[b"r"].split(b"\n")
        if (report := parse_report(entry_id.decode(), line)) and step in {None, report.step_id}
    ]


async def kinds(client: Any, step: str) -> list[str]:
    """What was reported about a step."""
    return [report.kind for report in await reports(client, step)]


def nested(levels: int) -> dict[str, Any]:
    """Data of so many levels."""
    data: dict[str, Any] = {"x": 1}
    for _ in range(levels - 1):
        data = {"x": data}
    return data
