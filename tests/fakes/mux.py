"""A server that speaks as much of Mux as we use: assets over HTTP with Basic credentials, and webhooks it signs."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emprops.media.mux.signature import sign

TOKEN_ID, TOKEN_SECRET = "mux-token", "mux-token-secret"
WEBHOOK_SECRET = "mux-webhook-signing-secret"


@dataclass
class FakeMux:
    """The assets by id. ``fail`` is a status to answer everything with; ``lose_answers`` does what is asked and then
    breaks the connection."""

    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    fail: int | None = None
    lose_answers: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/video/v1/assets", self.create, methods=["POST"]),
                Route("/video/v1/assets/{id}", self.read, methods=["GET"]),
                Route("/video/v1/assets/{id}", self.delete, methods=["DELETE"]),
            ]
        )

    async def create(self, request: Request) -> Response:
        if (refused := self.refused(request)) is not None:
            return refused
        body = await request.json()
        if not body.get("inputs") or not str(body["inputs"][0].get("url", "")).startswith("http"):
            return problem(400, "invalid_parameters", "inputs needs a url")
        asset_id = uuid4().hex
        self.assets[asset_id] = {
            "id": asset_id,
            "status": "preparing",
            "created_at": str(int(time.time())),
            "passthrough": body.get("passthrough"),
            "playback_ids": [{"id": uuid4().hex, "policy": policy} for policy in body.get("playback_policies", ())],
            "max_resolution_tier": "1080p",
            "video_quality": "basic",
            "_inputs": body["inputs"],
        }
        if self.lose_answers:
            return problem(502, "lost", "the answer was lost on its way")
        return JSONResponse({"data": self.shown(asset_id)}, status_code=201)

    async def read(self, request: Request) -> Response:
        if (refused := self.refused(request)) is not None:
            return refused
        if request.path_params["id"] not in self.assets:
            return problem(404, "not_found", "no such asset")
        return JSONResponse({"data": self.shown(request.path_params["id"])})

    async def delete(self, request: Request) -> Response:
        if (refused := self.refused(request)) is not None:
            return refused
        if self.assets.pop(request.path_params["id"], None) is None:
            return problem(404, "not_found", "no such asset")
        return Response(status_code=204)

    def refused(self, request: Request) -> Response | None:
        self.requests.append((request.method, request.url.path))
        wanted = base64.b64encode(f"{TOKEN_ID}:{TOKEN_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            return problem(401, "unauthorized", "unknown token")
        return None if self.fail is None else problem(self.fail, "failing", "as told")

    def shown(self, asset_id: str) -> dict[str, Any]:
        return {name: value for name, value in self.assets[asset_id].items() if not name.startswith("_")}

    def becomes(self, asset_id: str, status: str) -> None:
        """An asset has been prepared, or could not be."""
        self.assets[asset_id]["status"] = status

    def event(self, kind: str, asset_id: str, **changes: Any) -> dict[str, Any]:
        """The document of an event about an asset, ``kind`` such as ``ready``."""
        return {
            "type": f"video.asset.{kind}",
            "id": str(uuid4()),
            "created_at": "2026-11-22T06:00:00.000000Z",
            "object": {"type": "asset", "id": asset_id},
            "environment": {"name": "Production", "id": "abc123"},
            "data": self.shown(asset_id) | changes,
            "attempts": [],
            "request_id": None,
            "accessor": None,
            "accessor_source": None,
        }


def problem(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"type": kind, "messages": [message]}}, status_code=status)


def signed(
    document: Any, *, secret: str = WEBHOOK_SECRET, age: float = 0, raw: bytes | None = None
) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a webhook, signed ``age`` seconds ago."""
    body = json.dumps(document).encode() if raw is None else raw
    return body, {"mux-signature": sign(secret, body, int(time.time() - age)), "content-type": "application/json"}
