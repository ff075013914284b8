"""Runs of single claims, without a queue."""

import asyncio
from pathlib import Path

from tests.queue.helpers import make_ticket
from tests.worker.rig import PATIENCE, Body, Scripted

from emprops.connectors.base import (
    Outcome,
    RunContext,
)
from emprops.kit.outbound.client import GuardedClient
from emprops.media.storage import FolderStorage
from emprops.queue.messages import Claim, Finished, Limits, Ticket
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context
from emprops.worker.run import run_claim


class Bench:
    """Runs single claims, without a queue."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.storage = FolderStorage(folder)
        self.settings = settings
        self.http = GuardedClient(settings)
        self.context: Context

    async def run(self, body: Body, *, max_run_time: float = 60.0) -> Finished:
        claim = Claim(make_ticket("s", limits=Limits(max_run_time=max_run_time)), "f" * 32, 2)
        self.context = Context(claim, board=Board(), storage=self.storage, http=self.http, settings=self.settings)
        async with asyncio.timeout(PATIENCE):
            finished = await run_claim(claim, Scripted(body), self.context, self.storage)
        finished.to_bytes()  # whatever happened can be sent
        assert self.context.cancelled()
        return finished


def raising(error: BaseException) -> Body:
    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        raise error

    return body


def giving(outcome: Outcome) -> Body:
    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        return outcome

    return body
