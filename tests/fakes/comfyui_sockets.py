"""The WebSocket side of the fake ComfyUI: who is told what, and ways to be silent."""

import asyncio
import contextlib
import json
from asyncio import Event
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect
from tests.fakes.comfyui_run import Prompt

Json = dict[str, Any]


@dataclass
class Sockets:
    """The clients that listen."""

    old: bool = False
    deaf: bool = False
    """Take no WebSocket."""
    mute: bool = False
    """Send nothing about prompts."""
    flags: Json = field(default_factory=dict)
    """What each client has said that it understands."""
    connections: int = 0
    sockets: dict[str, WebSocket] = field(default_factory=dict)
    connected: Event = field(default_factory=Event)
    _drop: Event = field(default_factory=Event)

    async def socket(self, socket: WebSocket) -> None:
        if self.deaf:
            await socket.close()
            return
        await socket.accept()
        client_id, drop = socket.query_params["clientId"], self._drop
        self.connections += 1
        self.sockets[client_id] = socket
        self.connected.set()
        status = {"status": {"exec_info": {"queue_remaining": 0}}, "sid": client_id}
        await socket.send_json({"type": "status", "data": status})
        hearing = asyncio.create_task(self._hear(socket, client_id))
        dropping = asyncio.create_task(drop.wait())
        await asyncio.wait({hearing, dropping}, return_when=asyncio.FIRST_COMPLETED)
        if not hearing.done():
            with contextlib.suppress(RuntimeError):
                await socket.close(1011)
        hearing.cancel()
        dropping.cancel()
        if self.sockets.get(client_id) is socket:
            del self.sockets[client_id]

    async def _hear(self, socket: WebSocket, client_id: str) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                message = await socket.receive_json()
                if message["type"] == "feature_flags" and not self.old:
                    self.flags[client_id] = message["data"]
                    said = {"supports_preview_metadata": True, "max_upload_size": 104857600}
                    await socket.send_json({"type": "feature_flags", "data": said})

    async def send(self, prompt: Prompt, kind: str, data: Json) -> None:
        await self.send_raw(prompt, json.dumps({"type": kind, "data": {**data, "prompt_id": prompt.id}}))

    async def tell_all(self, kind: str, data: Json, *, every: float) -> None:
        """Tell every client the same, again and again, until cancelled."""
        while True:
            for socket in [*self.sockets.values()]:
                await socket.send_json({"type": kind, "data": data})
            await asyncio.sleep(every)

    async def send_raw(self, prompt: Prompt, message: str | bytes) -> None:
        socket = self.sockets.get(prompt.extra["client_id"])
        if socket is None or self.mute:
            return
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))

    def drop_sockets(self) -> None:
        """Close every WebSocket that is open now."""
        self._drop.set()
        self._drop = Event()
        self.sockets.clear()
        self.connected.clear()
