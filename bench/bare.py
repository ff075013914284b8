"""The limit of the job-status read: one bare Starlette route, the api's own query and pool, nothing around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emprops.jobs import queries
from emprops.kit.database import database_from
from emprops.settings import Settings


def bare_app(settings: Settings) -> Starlette:
    database = database_from(settings)

    async def get_job(request: Request) -> Response:
        async with database.reader() as reader:
            job = await queries.detail_of(reader, UUID(request.path_params["job_id"]))
        assert job is not None
        body = queries.to_bytes({"data": queries.as_json(job) | {"queue": None}, "error": None})
        return Response(body, media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await database.open()
        yield
        await database.close()

    return Starlette(routes=[Route("/api/jobs/{job_id}", get_job)], lifespan=lifespan)


if __name__ == "__main__":
    settings = Settings()
    uvicorn.run(
        bare_app(settings),
        port=settings.port,
        loop="uvloop",
        http="httptools",
        server_header=False,
        access_log=False,
        log_config=None,
    )
