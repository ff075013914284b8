"""A worker process whose connector has no manners: the payload's ``how`` says what it does."""

import asyncio
import sys
import time
from typing import ClassVar

from emprops.connectors import registry
from emprops.connectors.base import Health, Outcome, RunContext
from emprops.connectors.noop import NoopConnector
from emprops.queue.messages import Ticket
from emprops.settings import Settings
from emprops.worker import ending
from emprops.worker.main import main


class Rude(NoopConnector):
    """Job type ``noop``."""

    name: ClassVar[str] = "rude"

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        (context.folder / "started").write_text(ticket.id)
        print(ticket.id, flush=True)
        match ticket.payload["how"]:
            case "exit":
                sys.exit(3)
            case "exit in a task":
                await asyncio.gather(asyncio.sleep(0), leave())
            case "block a thread":
                await asyncio.to_thread(time.sleep, 600)
            case "block the event loop":
                time.sleep(600)  # noqa: ASYNC251 - the misbehaviour under test
            case "swallow":
                while True:
                    try:
                        await asyncio.sleep(600)
                    except asyncio.CancelledError:
                        print("never mind", flush=True)
        return Outcome(data={"text": "well behaved"})

    async def close(self) -> None:
        sys.exit(4)


class Unwell(NoopConnector):
    """Job type ``other``."""

    name: ClassVar[str] = "unwell"

    def __init__(self, settings: object = None) -> None:
        super().__init__(settings)
        self.job_types = frozenset({"other"})

    async def check(self) -> Health:
        sys.exit("out of order")


async def leave() -> None:
    sys.exit(3)


if __name__ == "__main__":
    registry.HIDDEN |= {"rude": Rude, "unwell": Unwell}
    ending.DEAF = 0.5
    ending.run_process(main(Settings()))
