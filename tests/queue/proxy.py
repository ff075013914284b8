"""A way to Redis that breaks on demand, on a Unix socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path


class Proxy:
    """Passes bytes on to Redis.

    While ``cuts`` lasts, a script's reply is read and thrown away with the connection. While it is ``down``,
    connections are closed; ``refused`` is set by each one that tries.
    """

    def __init__(self, target: str, path: Path) -> None:
        self.target = target
        self.path = path
        self.url = f"unix://{path}"
        self.cuts = 0
        self.refused = asyncio.Event()
        self._down = False
        self._open: set[asyncio.StreamWriter] = set()

    def go_down(self) -> None:
        """Cut every connection and accept none."""
        self._down = True
        self.refused.clear()
        for writer in self._open:
            writer.transport.abort()

    def come_up(self) -> None:
        """Accept connections again."""
        self._down = False

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        """Listen on the path."""
        server = await self._listen()
        try:
            yield self
        finally:
            server.close()
            self.go_down()
            self.path.unlink(missing_ok=True)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, path=self.path)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.target)

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request, or one answer; empty at the end."""
        return await reader.read(1 << 20)

    def _may_be_cut(self, request: bytes, reply: bytes) -> bool:
        return b"EVALSHA" in request and not reply.startswith(b"-NOSCRIPT")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._down:
            self.refused.set()
            writer.transport.abort()
            return
        self._open.add(writer)
        from_redis, to_redis = await self._connect()
        try:
            while request := await self._message(reader):
                to_redis.write(request)
                reply = asyncio.ensure_future(self._message(from_redis))
                gone = asyncio.ensure_future(reader.read(1))  # a client that gives up a blocking command hangs up
                await asyncio.wait({reply, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not reply.done():
                    reply.cancel()
                    break
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)
                if self.cuts and self._may_be_cut(request, reply.result()):
                    self.cuts -= 1
                    break
                writer.write(reply.result())
        except ConnectionError:
            pass
        finally:
            self._open.discard(writer)
            to_redis.close()
            writer.close()
