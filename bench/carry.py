"""A process that carries one large file the way a worker does, and tells how much memory that took.

``python -m bench.carry <way> <bytes> <server> <folder>`` prints one JSON line. The server is ``bench/parts/memory.py``.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

from bench.tickets import ticket
from emprops.connectors.base import Capabilities, Health, Outcome, Produced, RunContext
from emprops.connectors.comfyui.api import Api
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.storage import Storage
from emprops.media.storage import FolderStorage, S3Storage, public_url
from emprops.queue.messages import Claim, Finished, Ticket
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context
from emprops.worker.run import run_claim

TYPE = "video/mp4"
Work = Callable[[RunContext, int], Awaitable[Outcome]]


class Carrier:
    """A connector whose run is a function."""

    name: ClassVar[str] = "carrier"
    job_types = frozenset({"noop"})

    def __init__(self, work: Work, size: int) -> None:
        self.work, self.size = work, size

    async def check(self) -> Health:
        return Health(ok=True)

    async def capabilities(self) -> Capabilities:
        return Capabilities()

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        del ticket
        return await self.work(context, self.size)

    async def close(self) -> None:
        """Nothing to give back."""


class Carry:
    """The ways a file can take; each is a connector's work, or the store it ends in."""

    def __init__(self, server: str, folder: Path) -> None:
        self.server = server
        host = server.removeprefix("http://")
        self.settings = Settings(mode="test", data_dir=folder, outbound_allow=host)
        self.http = GuardedClient(self.settings)
        self.folder = FolderStorage(folder / "files")
        self.bucket = S3Storage("bucket", endpoint=server, region="us-east-1")

    async def made(self, context: RunContext, size: int) -> Outcome:
        """A connector made it on this machine."""
        path = context.folder / "made.mp4"
        with path.open("wb") as file:
            file.truncate(size)
        return Outcome([Produced("made.mp4", TYPE, path)])

    async def downloaded(self, context: RunContext, size: int) -> Outcome:
        """A service gave its URL."""
        found = await self.http.download(f"{self.server}/zeros/{size}", context.folder / "result", size)
        return Outcome([Produced("result.mp4", TYPE, found.path)])

    async def of_comfyui(self, context: RunContext, size: int) -> Outcome:
        """ComfyUI has it."""
        api = Api(self.server)
        try:
            await api.download({"filename": str(size)}, context.folder / "output", size)
        finally:
            await api.close()
        return Outcome([Produced("output.mp4", TYPE, context.folder / "output")])

    async def from_bucket_to_comfyui(self, context: RunContext, size: int) -> Outcome:
        """An input that is in the bucket, and goes to ComfyUI."""
        path, mime_type = await context.fetch(public_url(self.settings, f"inputs/{size}.mp4"))
        api = Api(self.server)
        try:
            await api.upload(path, "input.mp4", mime_type)
        finally:
            await api.close()
        return Outcome(data={"size": path.stat().st_size})


WAYS: dict[str, tuple[str, str]] = {
    "made here → folder": ("made", "folder"),
    "made here → S3": ("made", "bucket"),
    "URL → folder": ("downloaded", "folder"),
    "ComfyUI → S3": ("of_comfyui", "bucket"),
    "S3 → ComfyUI's inputs": ("from_bucket_to_comfyui", "bucket"),
}
"""Name → the work, and the store its result goes to."""


async def run(carry: Carry, way: str, size: int) -> Finished:
    work, store = WAYS[way]
    storage: Storage = getattr(carry, store)
    claim = Claim(ticket(), "0" * 32, 1)
    context = Context(claim, board=Board(), storage=storage, http=carry.http, settings=carry.settings)
    finished = await run_claim(claim, Carrier(getattr(carry, work), size), context, storage)
    if finished.failure is not None:
        raise RuntimeError(finished.error)
    return finished


async def main(way: str, size: int, server: str, folder: Path) -> None:
    carry = Carry(server, folder)
    await run(carry, way, 6 * 1024 * 1024)  # what is loaded and opened once does not count
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    finished = await run(carry, way, size)
    seconds = time.monotonic() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    carried = finished.data.get("size") or sum(file.size for file in finished.files)
    print(json.dumps({"grown": grown, "carried": carried, "seconds": seconds}))
    await carry.http.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
