"""Stability's REST API as the connector uses it: pictures at once, and work that is started and asked for."""

from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.fakes.faults import Faulty, read_form
from tests.fakes.pictures import MP4, PNG

KEY = "sk-test-stability-0123456789"
GENERATE, UPSCALE = "/v2beta/stable-image/generate", "/v2beta/stable-image/upscale"
STARTS = {f"{UPSCALE}/creative", "/v2beta/image-to-video"}


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    accept: str
    fields: dict[str, Any]


@dataclass
class FakeStability(Faulty):
    """``base`` is set once it is served."""

    base: str = ""
    pending: int = 1
    """How often started work is not done yet when it is asked for."""
    finish_reason: str = "SUCCESS"
    error: tuple[int, dict[str, Any]] | None = None
    content: bytes | None = None
    """In place of the picture or video."""
    as_json: dict[str, Any] | None = None
    """In place of a picture or video, this with status 200."""
    asked: list[Asked] = field(default_factory=list)
    started: dict[str, int] = field(default_factory=dict)
    """Id of work to how often it was asked for."""

    async def restart(self) -> bool:
        """Forget what was started."""
        forgotten = bool(self.started)
        self.started.clear()
        return forgotten

    def app(self) -> Starlette:
        now = [f"{GENERATE}/{engine}" for engine in ("core", "ultra", "sd3")]
        now += [f"{UPSCALE}/{engine}" for engine in ("fast", "conservative")]
        return Starlette(
            routes=[
                Route("/v1/user/balance", self.wrap(self.balance), methods=["GET"]),
                *[Route(path, self.wrap(self.make), methods=["POST"]) for path in now],
                *[Route(path, self.wrap(self.start), methods=["POST"]) for path in sorted(STARTS)],
                Route("/v2beta/results/{id}", self.wrap(self.picture), methods=["GET"]),
                Route("/v2beta/image-to-video/result/{id}", self.wrap(self.video), methods=["GET"]),
            ]
        )

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            said = f"invalid key {request.headers.get('authorization')}"
            return JSONResponse({"id": "e1", "name": "unauthorized", "errors": [said]}, 401)
        if self.error is not None:
            return JSONResponse(self.error[1], self.error[0])
        return None

    async def _note(self, request: Request) -> Response | None:
        if not request.headers["content-type"].startswith("multipart/form-data"):
            error = {"id": "e2", "name": "bad_request", "errors": ["content-type: must be multipart/form-data"]}
            return JSONResponse(error, 400)
        read = await read_form(request)
        fields = {name: values[0] for name, values in read.items()}
        self.asked.append(Asked(request.url.path, request.headers["accept"], fields))
        return self._refused(request)

    def _result(self, content: bytes, mime_type: str) -> Response:
        if self.as_json is not None:
            return JSONResponse(self.as_json)
        content = content if self.content is None else self.content
        return Response(content, 200, {"finish-reason": self.finish_reason, "seed": "42"}, mime_type)

    async def balance(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"credits": 12.5})

    async def make(self, request: Request) -> Response:
        return await self._note(request) or self._result(PNG, "image/png")

    async def start(self, request: Request) -> Response:
        if refused := await self._note(request):
            return refused
        number = f"{len(self.asked):064x}"
        self.started[number] = 0
        return JSONResponse({"id": number})

    async def picture(self, request: Request) -> Response:
        return self._asked_for(request) or self._result(PNG, "image/png")

    async def video(self, request: Request) -> Response:
        return self._asked_for(request) or self._result(MP4, "video/mp4")

    def _asked_for(self, request: Request) -> Response | None:
        if refused := self._refused(request):
            return refused
        number = request.path_params["id"]
        if number not in self.started:
            return JSONResponse({"id": number, "name": "not_found", "errors": ["No such generation."]}, 404)
        self.started[number] += 1
        if self.started[number] <= self.pending:
            return JSONResponse({"id": number, "status": "in-progress"}, 202)
        return None
