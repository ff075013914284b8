"""Each claim that the loop runs: what belongs to it, and how its end is found out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emprops.connectors.base import Connector
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.storage import Storage
from emprops.queue.messages import Claim, Finished
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context
from emprops.worker.lanes import Lane
from emprops.worker.run import run_claim, unserved

Observe = Callable[[str, str, Finished, float], None]
"""Told of each run: job type, connector, how it ended, after how many seconds."""


@dataclass(slots=True)
class Run:
    """A claim being run. It takes a slot until its task has ended, also when it was told to stop before."""

    claim: Claim
    context: Context
    lane: Lane
    begun: float
    """Monotonic seconds."""
    abandoned: bool = False

    def abandon(self) -> None:
        """Note that nobody waits for it any more, and stop its threads. Its task is cancelled as well."""
        self.abandoned = True
        self.context.stop()


@dataclass(slots=True)
class Tools:
    """What runs need, opened once by the composition root."""

    storage: Storage
    http: GuardedClient
    settings: Settings
    folder: Path | None = None
    """Where runs get their temporary folders; None: in the machine's."""

    def context_of(self, claim: Claim, board: Board) -> Context:
        """Return what the run of a claim is lent."""
        return Context(
            claim, board=board, storage=self.storage, http=self.http, settings=self.settings, folder=self.folder
        )


async def finish(run: Run, connector: Connector | None, storage: Storage, observe: Observe | None) -> Finished:
    """Run a claim to its end, and return how it ended."""
    claim = run.claim
    if connector is None:
        return unserved(claim)
    if observe is None:
        return await run_claim(claim, connector, run.context, storage)
    began = time.monotonic()
    finished = await run_claim(claim, connector, run.context, storage)
    observe(claim.ticket.job_type, connector.name, finished, time.monotonic() - began)
    return finished


def ids_of(claim: Claim) -> dict[str, str]:
    """Return what log lines about a claim carry."""
    return {"job_id": claim.ticket.workflow_context.workflow_id, "step_id": claim.ticket.id}
