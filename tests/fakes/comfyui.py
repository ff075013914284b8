"""A ComfyUI: the protocol of its ``server.py`` over real sockets, with a queue of one, and ways to misbehave.

What nodes make is small and at once. ``Gate`` holds a prompt until the test opens it, so that things can happen in the
middle of a run. ``old`` is a version that gives its own prompt ids, interrupts whatever runs, and knows no job cancel.
"""

import asyncio
import hashlib
import json
from asyncio import Event
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from tests.fakes.comfyui_rules import CLASSES, validate
from tests.fakes.comfyui_run import Prompt, Run
from tests.fakes.comfyui_sockets import Sockets
from tests.fakes.faults import Faulty
from tests.fakes.http_api import Reply

Json = dict[str, Any]

KEPT = frozenset({"base", "pictures", "sockets", "pending", "history", "_drop", "_worker"})
"""What :meth:`FakeComfyUI.renew` leaves: its place, and what a restart empties."""


@dataclass
class FakeComfyUI(Faulty, Sockets):
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
    late: str = ""
    """Where a prompt that ran is until ``release``, before it is in the history: in the ``queue``, or ``nowhere``."""
    ui: Json = field(default_factory=dict)
    """What ``Show`` puts out, if its input is empty; it may hold what no request could."""
    boom: str = "it went boom\n"
    """What ``Boom`` says, if it is not told."""
    gate: Event = field(default_factory=Event)
    at_gate: Event = field(default_factory=Event)
    queued: Event = field(default_factory=Event)
    idle: Event = field(default_factory=Event)
    looked_for: Event = field(default_factory=Event)
    """Set when the queue is read."""
    held: Event = field(default_factory=Event)
    release: Event = field(default_factory=Event)
    """A reply with the fault ``hold`` sets the one, and waits for the other before what was asked is done."""
    interrupted: Event = field(default_factory=Event)
    _worker: asyncio.Task[None] | None = None

    async def renew(self) -> None:
        """Become new; for the next test."""
        self.heal()
        await self.restart()
        fresh = FakeComfyUI()
        for own in fields(self):
            if own.name not in KEPT:
                setattr(self, own.name, getattr(fresh, own.name))

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
                return _json({"system_stats": stats, "object_info": self.classes, "prompt": waiting}[name])
            case ["queue"]:
                self.looked_for.set()
                running = [self.running.entry] if self.running else []
                return _json({"queue_running": running, "queue_pending": [p.entry for p in self.pending]})
            case ["history", prompt_id]:
                return _json({k: v for k, v in self.history.items() if k == prompt_id})
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
                    self.interrupted.set()
                return Response()
            case ["free"]:
                self.cached.clear()
                return Response()
            case ["api", "jobs", prompt_id, "cancel"] if not self.old:
                return _json({"cancelled": self._cancel(prompt_id)})
        return Response("405: Method Not Allowed", 405)

    def _submit(self, body: Json) -> Response:
        error, outputs, problems = validate(body["prompt"], self.classes, self.inputs, old=self.old)
        if error is not None:
            return _json({"error": error, "node_errors": problems}, 400)
        prompt_id = str(uuid4()) if self.old else body.get("prompt_id") or str(uuid4())
        extra = {**body.get("extra_data", {}), "client_id": body.get("client_id")}
        self.pending.append(Prompt(len(self.asked), prompt_id, body["prompt"], extra, outputs))
        self.queued.set()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return _json({"prompt_id": prompt_id, "number": len(self.asked), "node_errors": problems})

    def _cancel(self, prompt_id: str) -> bool:
        if self.running and self.running.id == prompt_id:
            self.interrupted.set()
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
        return _json({"name": name, "subfolder": "", "type": "input"})

    def _view(self, query: dict[str, str]) -> Response:
        content = self.files.get((query.get("subfolder", ""), query["filename"]))
        if content is None or query.get("type") != "output":
            return Response(status_code=404)
        mime_type = self.content_types.get(query["filename"], "application/octet-stream")
        if isinstance(content, int):
            return StreamingResponse(_zeros(content), media_type=mime_type)
        return Response(content, media_type=mime_type)

    # --- running graphs

    async def _work(self) -> None:
        while self.pending:
            prompt = self.running = self.pending.pop(0)
            self.interrupted.clear()
            record = await Run(self, prompt).to_its_end()
            self.running = None if self.late == "nowhere" else prompt
            if self.late:
                self.held.set()
                await self.release.wait()
            self.running = None
            self.history[prompt.id] = record
            await self.send(prompt, "executing", {"node": None})
        self.idle.set()

    def file(self, name: str, subfolder: str = "") -> Json:
        """Store a file of its extension's kind, and name it as nodes do."""
        self.files.setdefault((subfolder, name), self.pictures[name[name.rindex(".") :]])
        return {"filename": name, "subfolder": subfolder, "type": "output"}

    def uploaded_name(self, content: bytes, extension: str) -> str:
        """The name under which the connector uploads such a file."""
        return f"emprops-{hashlib.sha256(content).hexdigest()[:40]}{extension}"


def _json(document: Any, status: int = 200) -> Response:
    # as aiohttp does: with NaN, Infinity and lone surrogates
    return Response(json.dumps(document), status, media_type="application/json")


async def _cut(content: bytes) -> AsyncIterator[bytes]:
    yield content[: len(content) // 2]
    raise ConnectionResetError


async def _zeros(size: int) -> AsyncIterator[bytes]:
    chunk = bytes(64 * 1024)
    for _ in range(size // len(chunk)):
        yield chunk
