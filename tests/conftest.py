"""Fixtures of the whole suite: real engines, once per test process, clean before each test that uses them."""

import tests.bytecode  # noqa: F401 - before all that is imported

# isort: split

import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import hypothesis
import pytest
import redis.asyncio
import structlog
from fastapi import FastAPI
from tests.apps import api, client_of, service_key
from tests.browsers import browser  # noqa: F401 - a fixture
from tests.engines import DATABASE, Engines
from tests.order import LongFirst
from tests.pooler import pgbouncer, pooled_uri

from emprops.kit.database import Database
from emprops.settings import Settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background so, and each process that a test starts would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the same under nohup

# How long it takes to make an input says something about the machine, and nothing about us.
hypothesis.settings.register_profile("ours", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None)
hypothesis.settings.load_profile("ours")

# Without the values of variables: to show them takes seconds where an error passed through a client of Redis.
_plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _plain])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongFirst | None:
    return LongFirst(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """PostgreSQL and Redis of this process, migrated; see :class:`tests.engines.Engines` for faults."""
    engines = Engines()
    yield engines
    engines.stop()


@pytest.fixture(scope="session")
def database_url(engines: Engines) -> Iterator[str]:
    """The database; through a pooler in transaction mode if ``EMPROPS_TEST_POOLER`` is set."""
    if not os.environ.get("EMPROPS_TEST_POOLER"):
        yield engines.database_url
        return
    with pgbouncer(engines.postgres.sockets) as sockets:
        yield pooled_uri(sockets, DATABASE)


@pytest.fixture(scope="session")
def settings(engines: Engines, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that point at the engines, with a data folder of their own."""
    return Settings(
        mode="test",
        data_dir=tmp_path_factory.mktemp("data"),
        database_url=database_url,
        redis_url=engines.redis_url,
    )


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The pool, open; empty tables at the start of each test."""
    database = Database(settings.database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session", name="redis")
async def redis_client(engines: Engines) -> AsyncIterator[redis.asyncio.Redis]:
    """A client of the embedded Redis, answering bytes; no keys at the start of each test."""
    async with redis.asyncio.Redis(unix_socket_path=engines.redis_socket) as client:
        yield client


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A process that a test plays configures logging, to a stream that closes with the test: take that back."""
    root, structured = logging.getLogger(), structlog.get_config()
    handlers, level = set(root.handlers), root.level
    yield
    for handler in set(root.handlers) - handlers:
        if type(handler) is logging.StreamHandler:  # pytest's own come and go as they please
            root.removeHandler(handler)
    root.setLevel(level)
    structlog.configure(**structured)


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> None:
    """Before each test that reaches the engines: both up, empty tables, no keys."""
    if "engines" in request.fixturenames:
        request.getfixturevalue("engines").clean()


@pytest.fixture
async def app(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    """The api in this process; nothing runs beside the requests."""
    async with api(settings, database, redis, tmp_path) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of it that says with each request who calls."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def service(database: Database) -> dict[str, str]:
    """Headers of a service that speaks for nobody."""
    return await service_key(database)
