"""Tickets with a payload of 1 KB, and the queue they are put into."""

import time
from collections.abc import Sequence
from typing import Any

from emprops.kit.ids import new_id
from emprops.queue.dispatch import Queue
from emprops.queue.messages import Requirements, Ticket, WorkflowContext

KIB_FILLER = "x" * 1000
"""Makes a ticket's payload 1 KB, as much as the peers' jobs carry."""


def ticket(*, priority: int = 50, model: str = "", user: str = "somebody", **payload: Any) -> Ticket:
    """Make a ticket with 1 KB of payload; with a model, one that the benchmark's worker cannot run."""
    return Ticket(
        id=str(new_id()),
        job_type="noop",
        payload={"filler": KIB_FILLER, **payload},
        requirements=Requirements(models=(model,) if model else ()),
        workflow_context=WorkflowContext(str(new_id()), priority, time.time_ns() // 1_000_000, 1, 1),
        user=user,
    )


async def in_calls_of(count: int, queue: Queue, tickets: Sequence[Ticket]) -> None:
    for start in range(0, len(tickets), count):
        await queue.enqueue(tickets[start : start + count])
