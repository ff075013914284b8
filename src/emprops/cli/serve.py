"""``emprops api`` and ``emprops upkeep``: the processes that use PostgreSQL."""

import asyncio

import uvicorn

import emprops.upkeep
from emprops.cli.exits import fail, one_sentence
from emprops.cli.serving import allow_files, serving_settings
from emprops.kit.memory import settle
from emprops.kit.web.server import SERVER_OPTIONS
from emprops.main import create_app, refuse_unusable


def api() -> None:
    """Serve the HTTP API on EMPROPS_HOST and PORT (127.0.0.1:3001)."""
    settings = serving_settings()
    try:
        app = create_app(settings)
    except ValueError as error:
        fail(f"The api cannot serve with these settings: {error}")
    with one_sentence():
        refuse_unusable(settings)
    allow_files(settings)
    settle()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        timeout_graceful_shutdown=5,
        **SERVER_OPTIONS,
        server_header=False,
        access_log=False,  # kit/web/asgi.py logs each request, with its id
        log_config=None,
    )


def upkeep() -> None:
    """Run the upkeep services alone, for installations whose api replicas do not (EMPROPS_UPKEEP_IN_API=false)."""
    settings = serving_settings()
    with one_sentence():
        asyncio.run(emprops.upkeep.main(settings))
