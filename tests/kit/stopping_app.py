"""An api of one endless stream, for a test that stops its process."""

from collections.abc import AsyncIterator
from types import SimpleNamespace

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from emprops.kit.pubsub import Poke
from emprops.kit.web.sse import Event, StreamLimit, event_stream
from emprops.settings import Settings

app = FastAPI()
app.state.resources = SimpleNamespace(streams=StreamLimit(10, 10))


@app.get("/stream")
async def stream(request: Request) -> Response:
    return event_stream(request, endless(), Settings())


async def endless() -> AsyncIterator[Event]:
    yield Event("first", 1)
    await Poke().wait()
