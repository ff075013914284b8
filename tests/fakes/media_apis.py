"""The protocols of services that are connected by a definition: fal's queue, Replicate, OpenAI's look-alikes, a plain
API. Each under a path of its own; every key is :data:`KEY`."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.fakes.pictures import MP4, PNG

KEY = "key-of-media-apis-0123456789"
LONG_ID = 1234567890123456789
"""Larger than a float holds exactly."""


@dataclass
class MediaApis:
    """``base`` is set once it is served. Work is done when it was asked for ``polls`` times."""

    base: str = ""
    polls: int = 2
    fails: bool = False
    """Whether the work ends badly."""
    away: bool = False
    """Whether polls are answered 503."""
    submitted: list[dict[str, Any]] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    """Id of work to how often it was asked for."""

    def reset(self) -> None:
        self.polls, self.fails, self.away = 2, False, False
        self.submitted.clear()
        self.asked.clear()

    def app(self) -> Starlette:
        routes: list[tuple[str, str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("POST", "/plain/v1/paint", KEY, self.plain),
            ("POST", "/images/v1/images/generations", f"Bearer {KEY}", self.images),
            ("POST", "/videos/v1/videos", f"Bearer {KEY}", self.video_begin),
            ("GET", "/videos/v1/videos/{id}", f"Bearer {KEY}", self.video_status),
            ("GET", "/videos/v1/videos/{id}/content", f"Bearer {KEY}", self.video_content),
            ("POST", "/replicate/v1/models/{owner}/{name}/predictions", f"Bearer {KEY}", self.replicate_begin),
            ("GET", "/replicate/v1/predictions/{id}", f"Bearer {KEY}", self.replicate_status),
            ("POST", "/fal/{owner}/{app}/{path}", f"Key {KEY}", self.fal_begin),
            ("GET", "/fal/{owner}/{app}/requests/{id}/status", f"Key {KEY}", self.fal_status),
            ("GET", "/fal/{owner}/{app}/requests/{id}", f"Key {KEY}", self.fal_result),
        ]
        made = [Route(path, self._guarded(key, handle), methods=[way]) for way, path, key, handle in routes]
        return Starlette(routes=[*made, Route("/files/{name}", self.file, methods=["GET"])])

    def _guarded(self, key: str, handle: Callable[[Request], Awaitable[Response]]) -> Any:
        async def guarded(request: Request) -> Response:
            if (request.headers.get("authorization") or request.headers.get("x-api-key")) != key:
                return JSONResponse({"detail": "Not authenticated"}, 401)
            if request.method == "GET" and self.away:
                return JSONResponse({"detail": "away"}, 503)
            if request.method == "POST":
                self.submitted.append(orjson.loads(await request.body()))
            return await handle(request)

        return guarded

    def _begin(self) -> str:
        name = str(LONG_ID + len(self.submitted))
        self.asked[name] = 0
        return name

    def _is_done(self, name: str, *, count: bool = True) -> bool:
        self.asked[name] += count
        return self.asked[name] > self.polls

    async def file(self, _: Request) -> Response:
        return Response(PNG, media_type="image/png")

    async def plain(self, _: Request) -> Response:
        return Response(PNG, media_type="image/png")

    async def images(self, _: Request) -> Response:
        return JSONResponse({"created": 1, "data": [{"b64_json": base64.b64encode(PNG).decode()}]})

    async def video_begin(self, _: Request) -> Response:
        return JSONResponse({"id": f"video_{self._begin()}", "object": "video", "status": "queued", "progress": 0})

    async def video_status(self, request: Request) -> Response:
        name = request.path_params["id"].removeprefix("video_")
        status = "in_progress" if not self._is_done(name) else "failed" if self.fails else "completed"
        error = {"code": "moderation", "message": "refused"} if status == "failed" else None
        return JSONResponse({"id": f"video_{name}", "object": "video", "status": status, "error": error})

    async def video_content(self, request: Request) -> Response:
        if not self._is_done(request.path_params["id"].removeprefix("video_"), count=False):
            return JSONResponse({"error": {"message": "not ready"}}, 404)
        return Response(MP4, media_type="video/mp4")

    async def replicate_begin(self, _: Request) -> Response:
        return JSONResponse(self._prediction(self._begin(), "starting"), 201)

    async def replicate_status(self, request: Request) -> Response:
        name = request.path_params["id"]
        status = "processing" if not self._is_done(name) else "failed" if self.fails else "succeeded"
        return JSONResponse(self._prediction(name, status))

    def _prediction(self, name: str, status: str) -> dict[str, Any]:
        output = [f"{self.base}/files/out 0.png"] if status == "succeeded" else None
        urls = {"get": f"{self.base}/replicate/v1/predictions/{name}"}
        error = "refused" if status == "failed" else None
        return {"id": name, "status": status, "input": {}, "output": output, "error": error, "urls": urls}

    async def fal_begin(self, request: Request) -> Response:
        name = self._begin()
        place = f"{self.base}/fal/{request.path_params['owner']}/{request.path_params['app']}/requests/{name}"
        urls = {"response_url": place, "status_url": f"{place}/status", "cancel_url": f"{place}/cancel"}
        # A number, although fal has texts: it must come back digit by digit.
        return JSONResponse({"status": "IN_QUEUE", "request_id": int(name), "queue_position": 0, **urls})

    async def fal_status(self, request: Request) -> Response:
        if not self._is_done(request.path_params["id"]):
            return JSONResponse({"status": "IN_PROGRESS", "logs": None}, 202)
        return JSONResponse({"status": "COMPLETED", **({"error": "refused"} if self.fails else {})})

    async def fal_result(self, request: Request) -> Response:
        if not self._is_done(request.path_params["id"], count=False):
            return JSONResponse({"detail": "Request is still in progress"}, 400)
        picture = {"url": f"{self.base}/files/a.png", "content_type": "image/png", "width": 8, "height": 8}
        return JSONResponse({"images": [picture], "seed": LONG_ID, "has_nsfw_concepts": [False]})
