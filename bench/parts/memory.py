"""How much memory a worker needs to carry a file of 2 GB, by each way a file can take."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bench.carry import WAYS
from bench.engines import folder
from bench.tables import print_table, verdict

MB = 1_000_000
FULL, QUICK = 2_000 * MB, 256 * MB
GOAL = 100 * MB
ROOT = Path(__file__).parents[2]
PIECE = bytes(1024 * 1024)


@dataclass(frozen=True, slots=True)
class Carried:
    """What one way took."""

    grown: int
    """Bytes by which the process's largest resident size rose."""
    carried: int
    seconds: float


async def zeros(count: int) -> AsyncIterator[bytes]:
    while count > 0:
        yield PIECE[:count]
        count -= len(PIECE)


async def drained(request: Request) -> None:
    async for _ in request.stream():
        pass


async def give(request: Request) -> Response:
    """A file of the size that its name says: over HTTP, as ComfyUI's output, or as an object of the bucket."""
    name = request.query_params.get("filename") or request.path_params.get("name", "")
    size = int(name.removesuffix(".mp4"))
    start, status = 0, 200
    headers = {"ETag": '"0"', "Last-Modified": "Sun, 22 Nov 2026 05:00:00 GMT", "Content-Type": "video/mp4"}
    if wanted := request.headers.get("range"):
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, total, size, status = int(first), size, int(last) + 1, 206
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{total}"
    headers["Content-Length"] = str(size - start)
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(zeros(size - start), status, headers)


async def take(request: Request) -> Response:
    """Throw away what is stored in the bucket, whole or in parts."""
    await drained(request)
    if "uploads" in request.query_params:
        answer = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
    else:
        answer = '<CompleteMultipartUploadResult><ETag>"0"</ETag></CompleteMultipartUploadResult>'
    return Response(answer, media_type="application/xml", headers={"ETag": '"0"'})


async def upload(request: Request) -> Response:
    """Throw away an input of ComfyUI's."""
    await drained(request)
    return Response('{"name": "input.mp4"}', media_type="application/json")


APP = Starlette(
    routes=[
        Route("/zeros/{name}", give),
        Route("/view", give),
        Route("/upload/image", upload, methods=["POST"]),
        Route("/bucket/inputs/{name}", give, methods=["GET", "HEAD"]),
        Route("/bucket/{key:path}", take, methods=["PUT", "POST"]),
    ]
)


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """Run the server on loopback; gives its address."""
    server = uvicorn.Server(uvicorn.Config(APP, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task


async def carry(way: str, size: int, server: str) -> Carried:
    """Let a process of its own carry a file."""
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    with folder() as place:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.carry", way, str(size), server, str(place)),
            cwd=ROOT,
            env={**os.environ, **keys, "TMPDIR": str(place)},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{way}: the process ended with {process.returncode}")
    return Carried(**json.loads(out.splitlines()[-1]))


async def carry_all(size: int) -> Mapping[str, Carried]:
    """Try every way, one after the other."""
    async with serving() as server:
        return {way: await carry(way, size, server) for way in WAYS}


async def run(*, quick: bool) -> bool:
    """Measure and print. Tells whether the goal was met."""
    size = QUICK if quick else FULL
    found = await carry_all(size)
    rows = [[way, f"{one.grown / MB:.0f}", f"{one.carried / MB / one.seconds:,.0f}"] for way, one in found.items()]
    print_table(f"A file of {size // MB:,} MB", ["", "memory, MB", "MB a second"], rows)
    passed = all(one.grown <= GOAL for one in found.values())
    print(f"\n  at most {GOAL // MB} MB each: {verdict(passed)}")
    return passed
