"""An operator's moderation service: it answers what a test tells it to."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class FakeModeration:
    """``base`` is set once it is served."""

    base: str = ""
    start: dict[str, Any] = field(default_factory=lambda: {"verdict": "allow"})
    results: dict[str, Any] = field(default_factory=lambda: {"verdict": "allow"})
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once an answer waits."""
    release: asyncio.Event | None = None
    """Answers wait for it."""

    async def judge(self, request: Request) -> Response:
        question = await request.json()
        self.asked.append(question)
        self.tokens.append(request.headers.get("authorization", ""))
        if self.release is not None:
            self.waiting.set()
            await self.release.wait()
        return JSONResponse(getattr(self, question["stage"]), status_code=self.status)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/judge", self.judge, methods=["POST"])])
