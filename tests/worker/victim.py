"""A worker process that takes a step, says so, and never ends it. ``python victim.py <redis url> <folder>``"""

import asyncio
import sys
from pathlib import Path

from tests.worker.rig import Rig, forever

from emprops.connectors.base import Outcome, RunContext
from emprops.kit.redis import connect
from emprops.queue.messages import Ticket
from emprops.settings import Settings


async def main(redis_url: str, folder: str) -> None:
    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        context.progress(33.0)
        print(ticket.id, flush=True)
        try:
            return await forever(ticket, context)
        finally:
            print("stopped", flush=True)

    settings = Settings(mode="test", redis_url=redis_url, data_dir=Path(folder))
    rig = Rig(connect(redis_url), settings, Path(folder), name="victim", body=work, lease=2.0)
    async with rig.beating():
        await rig.loop.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
