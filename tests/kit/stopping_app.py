"""An api of one endless stream, for a test that stops its process."""

from collections.abc import Mapping
from types import SimpleNamespace

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from emprops.kit.web.server import SERVER_OPTIONS
from emprops.kit.web.sse import Event, event_stream
from emprops.kit.web.streams import Stream, streams_from
from emprops.settings import Settings

app = FastAPI()
app.state.resources = SimpleNamespace(streams=streams_from(Settings()))


class Endless:
    """Writes one event."""

    def __init__(self, stream: Stream) -> None:
        stream.write(Event("first", 1).encode())

    def resume(self) -> None:
        """Nothing is held back."""

    def gone(self) -> None:
        """Nothing is to be forgotten."""

    def about(self) -> Mapping[str, str]:
        """Nothing to say."""
        return {}


@app.get("/stream")
async def stream(request: Request) -> Response:
    return event_stream(request, Endless)


if __name__ == "__main__":
    uvicorn.run(app, port=0, **SERVER_OPTIONS)
