"""OpenAI's API as the connector uses it: models, streamed chat completions, images made and edited."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.fakes.faults import Faulty, read_form
from tests.fakes.pictures import JPEG, PNG

KEY = "sk-test-openai-0123456789"
USAGE = {
    "input_tokens": 5,
    "output_tokens": 7,
    "total_tokens": 12,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 5},
}


@dataclass
class FakeOpenAI(Faulty):
    """``base`` is set once it is served; what is asked for is in ``asked``."""

    base: str = ""
    words: list[str] = field(default_factory=lambda: ["A ", "red ", "fox."])
    refusal: str = ""
    finish_reason: str | None = "stop"
    stream_error: dict[str, Any] | None = None
    """Sent in place of the end of a stream."""
    error: tuple[int, dict[str, Any]] | None = None
    """Status and ``error`` object of every answer."""
    listing: tuple[int, Any] | None = None
    """Status and body of the list of models, in place of the right one."""
    choices: list[dict[str, Any]] | None = None
    """In place of the choices of a streamed text, one in each chunk; anything that is no choice is the whole chunk."""
    encoded: str = ""
    """In place of the picture's base64."""
    picture_url: str = ""
    """Pictures are given as this URL, not as base64."""
    picture: bytes = PNG
    partial: list[bytes] = field(default_factory=lambda: [PNG, JPEG])
    """What a streamed picture is before it is done."""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        routes = [
            ("/v1/models", "GET", self.models),
            ("/v1/chat/completions", "POST", self.chat),
            ("/v1/images/generations", "POST", self.generate),
            ("/v1/images/edits", "POST", self.edit),
            ("/files/{name}", "GET", self.file),
        ]
        return Starlette(routes=[Route(path, self.wrap(handle), methods=[way]) for path, way, handle in routes])

    def _refused(self, request: Request) -> Response | None:
        given = request.headers.get("authorization")
        if given != f"Bearer {KEY}":
            message = f"Incorrect API key provided: {str(given)[7:]}."
            return JSONResponse({"error": {"message": message, "code": "invalid_api_key"}}, 401)
        if self.error is not None:
            return JSONResponse({"error": self.error[1]}, self.error[0])
        return None

    async def models(self, request: Request) -> Response:
        if self.listing is not None:
            status, listing = self.listing
            return JSONResponse(listing, status)
        model = {"id": "gpt-test", "object": "model", "created": 0, "owned_by": "test"}
        return self._refused(request) or JSONResponse({"object": "list", "data": [model]})

    async def chat(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.asked.append(body)
        if refused := self._refused(request):
            return refused
        if not body.get("stream"):
            return JSONResponse({"error": {"message": "this fake streams only"}}, 400)
        return StreamingResponse(self._events(body), media_type="text/event-stream; charset=utf-8")

    async def _events(self, body: dict[str, Any]) -> AsyncIterator[bytes]:
        head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": f"{body['model']}-2026"}
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": word} for word in self.words]
        deltas += [{"refusal": self.refusal}] if self.refusal else []
        if self.choices is not None:
            for choice in self.choices:
                yield _event(choice if "choices" in choice else head | {"choices": [choice]})
            yield b"data: [DONE]\n\n"
            return
        for delta in deltas:
            yield _event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            await asyncio.sleep(0)
        if self.stream_error is not None:
            yield _event({"error": self.stream_error})
            return
        yield _event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": self.finish_reason}]})
        if body.get("stream_options", {}).get("include_usage"):
            usage = {"prompt_tokens": 9, "completion_tokens": len(self.words), "total_tokens": 9 + len(self.words)}
            yield _event(head | {"choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    async def generate(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.asked.append(body)
        if body.get("stream"):
            return self._refused(request) or self._streamed("image_generation", body["partial_images"])
        return self._refused(request) or self._pictures(int(body.get("n", 1)))

    async def edit(self, request: Request) -> Response:
        body = await read_form(request)
        self.asked.append(body)
        if body.get("stream"):
            return self._refused(request) or self._streamed("image_edit", int(body["partial_images"][0]))
        return self._refused(request) or self._pictures(int(body.get("n", ["1"])[0]))

    def _streamed(self, kind: str, partial: int) -> Response:
        return StreamingResponse(self._painting(kind, partial), media_type="text/event-stream; charset=utf-8")

    async def _painting(self, kind: str, partial: int) -> AsyncIterator[bytes]:
        head = {"created_at": 1, "size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
        for index, picture in enumerate(self.partial[:partial]):
            more = {"b64_json": base64.b64encode(picture).decode(), "partial_image_index": index}
            yield _event(head | more | {"type": f"{kind}.partial_image"}, f"{kind}.partial_image")
            await asyncio.sleep(0)
        if self.stream_error is not None:
            yield _event({"error": self.stream_error, "type": "error"}, "error")
            return
        if self.finish_reason is None:
            return
        done = {"b64_json": base64.b64encode(self.picture).decode(), "usage": USAGE, "type": f"{kind}.completed"}
        yield _event(head | done, f"{kind}.completed")

    def _pictures(self, count: int) -> Response:
        one = {"b64_json": self.encoded or base64.b64encode(self.picture).decode()}
        if self.picture_url:
            one = {"url": self.picture_url, "revised_prompt": "a better fox"}
        return JSONResponse({"created": 1, "data": [one] * count, "usage": USAGE})

    async def file(self, _: Request) -> Response:
        return Response(self.picture, media_type="image/png")


def _event(data: dict[str, Any], name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + orjson.dumps(data) + b"\n\n"
