"""A ComfyUI: the protocol of its ``server.py`` over real sockets, with a queue of one, and ways to misbehave.

What nodes make is small and at once. ``Gate`` holds a prompt until the test opens it, so that things can happen in the
middle of a run. ``old`` is a version that gives its own prompt ids, interrupts whatever runs, and knows no job cancel.
"""

import asyncio
import contextlib
import hashlib
import json
import struct
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from tests.fakes.comfyui_rules import CLASSES, refusal
from tests.fakes.faults import Faulty
from tests.fakes.http_api import Reply

Json = dict[str, Any]


class InterruptedPromptError(Exception):
    """The node was interrupted."""


class NodeError(Exception):
    """The node failed."""


@dataclass
class Prompt:
    """A prompt in the queue, or running."""

    number: int
    id: str
    graph: Json
    extra: Json

    @property
    def entry(self) -> list[Any]:
        return [self.number, self.id, self.graph, self.extra, []]


@dataclass
class FakeComfyUI(Faulty):
    """``base`` is set once it is served. ``replies`` are given once each, before the path works as usual."""

    base: str = ""
    old: bool = False
    classes: Json = field(default_factory=lambda: dict(CLASSES))
    pictures: dict[str, bytes] = field(default_factory=dict)
    """Extension -> what files of that kind contain."""
    files: dict[tuple[str, str], bytes | int] = field(default_factory=dict)
    """(subfolder, name) -> content; a number is a file of so many zero bytes."""
    cached: dict[str, Json] = field(default_factory=dict)
    """Node as JSON -> what it put out: not made again, and not looked after."""
    content_types: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, bytes] = field(default_factory=dict)
    replies: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))
    asked: list[tuple[str, Any]] = field(default_factory=list)
    pending: list[Prompt] = field(default_factory=list)
    running: Prompt | None = None
    history: Json = field(default_factory=dict)
    deaf: bool = False
    """Take no WebSocket."""
    mute: bool = False
    """Send nothing about prompts."""
    connections: int = 0
    sockets: dict[str, WebSocket] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    at_gate: asyncio.Event = field(default_factory=asyncio.Event)
    queued: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    looked_for: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the queue is read."""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    """A reply with the fault ``hold`` sets the one, and waits for the other before what was asked is done."""
    _interrupt: asyncio.Event = field(default_factory=asyncio.Event)
    _drop: asyncio.Event = field(default_factory=asyncio.Event)
    _worker: asyncio.Task[None] | None = None

    async def renew(self) -> None:
        """Become new; for the next test."""
        self.heal()
        await self.restart()
        fresh = FakeComfyUI(base=self.base, pictures=self.pictures)
        for name in (
            "old",
            "classes",
            "files",
            "cached",
            "content_types",
            "inputs",
            "replies",
            "asked",
            "deaf",
            "mute",
        ):
            setattr(self, name, getattr(fresh, name))
        self.connections = 0
        for name in ("gate", "at_gate", "queued", "idle", "connected", "looked_for", "held", "release"):
            setattr(self, name, getattr(fresh, name))

    async def restart(self) -> bool:
        """Forget everything that is only in memory, as a real one does."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        self._worker, self.running = None, None
        self.pending.clear()
        self.history.clear()
        self.drop_sockets()
        return True

    def drop_sockets(self) -> None:
        """Close every WebSocket that is open now."""
        self._drop.set()
        self._drop = asyncio.Event()
        self.sockets.clear()
        self.connected.clear()

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def bodies(self, path: str) -> list[Any]:
        return [body for asked, body in self.asked if asked == path]

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                WebSocketRoute("/ws", self.socket),
                Route("/{path:path}", self.wrap(self.answer), methods=["GET", "POST"]),
            ]
        )

    # --- HTTP

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        body: Any = None
        if request.headers.get("content-type") == "application/json":
            body = await request.json()
        self.asked.append((path, body if request.method == "POST" else dict(request.query_params)))
        reply = self.replies[path].pop(0) if self.replies[path] else None
        if reply is not None and reply.fault == "hold":
            self.held.set()
            await self.release.wait()
        elif reply is not None and reply.fault != "cut":
            return Response(reply.content, reply.status, reply.headers, reply.mime_type)
        answer = await self._route(request, path, body)
        if reply is not None and reply.fault == "cut":
            # What was asked is done; its answer breaks off.
            length = {"content-length": str(len(answer.body) + 100)}
            return StreamingResponse(_cut(bytes(answer.body)), 200, length, answer.media_type)
        return answer

    async def _route(self, request: Request, path: str, body: Any) -> Response:
        parts = path.strip("/").split("/")
        if request.method == "GET":
            return self._read(parts, dict(request.query_params))
        if parts == ["upload", "image"]:
            return await self._upload(request)
        return self._write(parts, body)

    def _read(self, parts: list[str], query: dict[str, str]) -> Response:
        match parts:
            case ["system_stats" | "object_info" | "prompt" as name]:
                stats = {"system": {"comfyui_version": "0.3.99"}, "devices": []}
                waiting = {"exec_info": {"queue_remaining": len(self.pending)}}
                return JSONResponse({"system_stats": stats, "object_info": self.classes, "prompt": waiting}[name])
            case ["queue"]:
                self.looked_for.set()
                running = [self.running.entry] if self.running else []
                return JSONResponse({"queue_running": running, "queue_pending": [p.entry for p in self.pending]})
            case ["history", prompt_id]:
                return JSONResponse({k: v for k, v in self.history.items() if k == prompt_id})
            case ["view"]:
                return self._view(query)
        return Response("404: Not Found", 404)

    def _write(self, parts: list[str], body: Any) -> Response:
        match parts:
            case ["prompt"]:
                return self._submit(body)
            case ["queue"]:
                self.pending = [prompt for prompt in self.pending if prompt.id not in body.get("delete", [])]
                return Response()
            case ["interrupt"]:
                wanted = None if self.old else (body or {}).get("prompt_id")
                if self.running and wanted in (None, self.running.id):
                    self._interrupt.set()
                return Response()
            case ["free"]:
                self.cached.clear()
                return Response()
            case ["api", "jobs", prompt_id, "cancel"] if not self.old:
                return JSONResponse({"cancelled": self._cancel(prompt_id)})
        return Response("405: Method Not Allowed", 405)

    def _submit(self, body: Json) -> Response:
        refused = refusal(body["prompt"], self.classes, self.inputs, old=self.old)
        if refused is not None:
            return JSONResponse(refused, 400)
        prompt_id = str(uuid4()) if self.old else body.get("prompt_id") or str(uuid4())
        extra = {**body.get("extra_data", {}), "client_id": body.get("client_id")}
        self.pending.append(Prompt(len(self.asked), prompt_id, body["prompt"], extra))
        self.queued.set()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return JSONResponse({"prompt_id": prompt_id, "number": len(self.asked), "node_errors": {}})

    def _cancel(self, prompt_id: str) -> bool:
        if self.running and self.running.id == prompt_id:
            self._interrupt.set()
            return True
        before = len(self.pending)
        self.pending = [prompt for prompt in self.pending if prompt.id != prompt_id]
        return len(self.pending) < before

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            file = form["image"]
            assert not isinstance(file, str)
            content = await file.read()
            name = file.filename or ""
        stem, _, extension = name.rpartition(".")
        number = 1
        while name in self.inputs and self.inputs[name] != content:
            name, number = f"{stem} ({number}).{extension}", number + 1
        self.inputs[name] = content
        return JSONResponse({"name": name, "subfolder": "", "type": "input"})

    def _view(self, query: dict[str, str]) -> Response:
        content = self.files.get((query.get("subfolder", ""), query["filename"]))
        if content is None or query.get("type") != "output":
            return Response(status_code=404)
        mime_type = self.content_types.get(query["filename"], "application/octet-stream")
        if isinstance(content, int):
            return StreamingResponse(_zeros(content), media_type=mime_type)
        return Response(content, media_type=mime_type)

    # --- WebSocket

    async def socket(self, socket: WebSocket) -> None:
        if self.deaf:
            await socket.close()
            return
        await socket.accept()
        client_id, drop = socket.query_params["clientId"], self._drop
        self.connections += 1
        self.sockets[client_id] = socket
        self.connected.set()
        status = {"status": {"exec_info": {"queue_remaining": len(self.pending)}}, "sid": client_id}
        await socket.send_json({"type": "status", "data": status})
        hearing = asyncio.create_task(_hear(socket))
        dropping = asyncio.create_task(drop.wait())
        await asyncio.wait({hearing, dropping}, return_when=asyncio.FIRST_COMPLETED)
        if not hearing.done():
            with contextlib.suppress(RuntimeError):
                await socket.close(1011)
        hearing.cancel()
        dropping.cancel()
        if self.sockets.get(client_id) is socket:
            del self.sockets[client_id]

    async def send(self, prompt: Prompt, kind: str, data: Json) -> None:
        await self._send(prompt, json.dumps({"type": kind, "data": {**data, "prompt_id": prompt.id}}))

    async def _send(self, prompt: Prompt, message: str | bytes) -> None:
        socket = self.sockets.get(prompt.extra["client_id"])
        if socket is None or self.mute:
            return
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))

    # --- running graphs

    async def _work(self) -> None:
        while self.pending:
            prompt = self.running = self.pending.pop(0)
            self._interrupt.clear()
            outputs: Json = {}
            status, messages = "success", []
            await self.send(prompt, "execution_start", {})
            await self.send(prompt, "execution_cached", {"nodes": []})
            for node, content in prompt.graph.items():
                try:
                    await self._node(prompt, node, content, outputs)
                except (InterruptedPromptError, NodeError) as error:
                    kind, data = _failed(node, content, error)
                    status, messages = "error", [[kind, {**data, "prompt_id": prompt.id}]]
                    await self.send(prompt, kind, data)
                    break
            else:
                await self.send(prompt, "execution_success", {})
            self.running = None
            said = {"status_str": status, "completed": status == "success", "messages": messages}
            self.history[prompt.id] = {"prompt": prompt.entry, "outputs": outputs, "status": said}
            await self.send(prompt, "executing", {"node": None})
        self.idle.set()

    async def _node(self, prompt: Prompt, node: str, content: Json, outputs: Json) -> None:
        if self._interrupt.is_set():
            raise InterruptedPromptError
        await self.send(prompt, "executing", {"node": node, "display_node": node})
        inputs = content["inputs"]
        match content["class_type"]:
            case "Gate":
                await self._hold()
            case "Boom":
                raise NodeError(inputs["type"])
            case "KSampler":
                await self._sample(prompt, node, int(inputs["steps"]))
        key = json.dumps([node, content], sort_keys=True)
        output = self.cached[key] = self.cached[key] if key in self.cached else self._output(node, content)
        if output:
            outputs[node] = output
            await self.send(prompt, "executed", {"node": node, "display_node": node, "output": output})

    async def _hold(self) -> None:
        self.at_gate.set()
        waits = [asyncio.create_task(event.wait()) for event in (self.gate, self._interrupt)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._interrupt.is_set():
            raise InterruptedPromptError

    async def _sample(self, prompt: Prompt, node: str, steps: int) -> None:
        for step in range(1, steps + 1):
            if self._interrupt.is_set():
                raise InterruptedPromptError
            await self.send(prompt, "progress", {"value": step, "max": steps, "node": node})
            if not self.old:
                state = {"value": step, "max": steps, "state": "running", "node_id": node, "prompt_id": prompt.id}
                await self.send(prompt, "progress_state", {"nodes": {node: state}})
            if prompt.extra.get("preview_method"):
                await self.send_preview(prompt, node)
            await asyncio.sleep(0)

    async def send_preview(self, prompt: Prompt, node: str) -> None:
        picture = self.pictures[".png"]
        if self.old:
            await self._send(prompt, struct.pack(">II", 1, 2) + picture)
            return
        said = {"node_id": node, "real_node_id": node, "image_type": "image/png", "prompt_id": prompt.id}
        metadata = json.dumps(said).encode()
        await self._send(prompt, struct.pack(">II", 4, len(metadata)) + metadata + picture)

    def _output(self, node: str, content: Json) -> Json:
        inputs = content["inputs"]
        match content["class_type"]:
            case "SaveImage":
                count = inputs.get("batch", 1)
                return {"images": [self._file(f"img_{node}_{number:05}_.png") for number in range(1, count + 1)]}
            case "PreviewImage":
                return {"images": [{"filename": "ComfyUI_temp_1.png", "subfolder": "", "type": "temp"}]}
            case "VHS_VideoCombine":
                return {"gifs": [self._file(f"clip_{node}.gif", "clips") | {"format": "image/gif"}]}
            case "SaveAudio":
                return {"audio": [self._file(f"sound_{node}.wav", "audio")]}
            case "ShowText":
                return {"text": [inputs["text"]]}
        return {}

    def _file(self, name: str, subfolder: str = "") -> Json:
        self.files.setdefault((subfolder, name), self.pictures[name[name.rindex(".") :]])
        return {"filename": name, "subfolder": subfolder, "type": "output"}

    def uploaded_name(self, content: bytes, extension: str) -> str:
        """The name under which the connector uploads such a file."""
        return f"emprops-{hashlib.sha256(content).hexdigest()[:40]}{extension}"


def _failed(node: str, content: Json, error: Exception) -> tuple[str, Json]:
    data = {"node_id": node, "node_type": content["class_type"], "executed": []}
    if isinstance(error, InterruptedPromptError):
        return "execution_interrupted", data
    more = {"traceback": ["/srv/comfy/nodes.py"], "current_inputs": {}, "current_outputs": []}
    return "execution_error", {**data, **more, "exception_type": str(error), "exception_message": "it went boom\n"}


async def _hear(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()


async def _cut(content: bytes) -> AsyncIterator[bytes]:
    yield content[: len(content) // 2]
    raise ConnectionResetError


async def _zeros(size: int) -> AsyncIterator[bytes]:
    chunk = bytes(64 * 1024)
    for _ in range(size // len(chunk)):
        yield chunk
