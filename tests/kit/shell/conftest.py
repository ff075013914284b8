"""The api with a few more routes, which show what every request meets."""

import httpx2
import pytest
from fastapi import FastAPI
from tests.kit.shell.rig import committed, mine, routes, small

from emprops.main import create_app
from emprops.settings import Settings


@pytest.fixture(scope="module")
def bare_app(settings: Settings) -> FastAPI:
    app = create_app(settings)
    app.include_router(routes)
    app.include_router(small)
    app.include_router(mine)
    return app


@pytest.fixture
def extended(app: FastAPI) -> FastAPI:
    committed.clear()
    return app


@pytest.fixture
def api(extended: FastAPI, client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    return client
