"""A client of the api that costs little, so that a bench measures the server and not its client."""

import asyncio
from uuid import UUID

import orjson


class Caller:
    """One HTTP/1.1 connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self._reader, self._writer, self._head = reader, writer, head

    @classmethod
    async def connect(cls, port: int, user: UUID) -> "Caller":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, f"Host: localhost:{port}\r\nuser_id: {user}\r\n")

    async def call(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Send a request and give the ``data`` of its reply. Raises if that is not a success."""
        content = b"" if body is None else orjson.dumps(body)
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        raw = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        reply = await self._reader.readexactly(int(raw.split("content-length:")[1].split("\r\n")[0]))
        if not raw.startswith("http/1.1 2"):
            raise RuntimeError(f"{method} {path}: {raw.splitlines()[0]} {reply.decode()}")
        data: dict[str, object] = orjson.loads(reply)["data"]
        return data

    def close(self) -> None:
        self._writer.close()
