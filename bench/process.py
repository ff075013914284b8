"""The worker process of the queue benchmark, seen from outside."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Worker:
    """The process of ``bench/probe.py``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid, self._commands, self._lines = process.pid, process.stdin, process.stdout

    def tell(self, command: str) -> None:
        self._commands.write(f"{command}\n".encode())

    async def line(self) -> str:
        async with asyncio.timeout(60):
            line = await self._lines.readline()
        if not line:
            raise RuntimeError("the worker process ended")
        return line.decode().strip()

    async def latency(self) -> float:
        """Wait for the next stamped ticket to begin; milliseconds since its stamp."""
        return int(await self.line()) / 1e6


@asynccontextmanager
async def worker(
    redis_url: str, prefix: str, concurrency: int, place: Path, *, module: str = "bench.probe"
) -> AsyncIterator[Worker]:
    """Lend a worker process that waits for ``go``; or, of another module, one that is told the same."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, redis_url, prefix, str(concurrency), str(place)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        lent = Worker(process)
        assert await lent.line() == "ready"
        yield lent
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        await process.wait()
