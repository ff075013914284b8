"""What is in ``deploy/``: it names only what there is, and the settings of its compose file make a running system."""

import asyncio
import os
import re
import secrets
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
import yaml
from psycopg import sql
from tests.apps import free_port, served
from tests.engines import Engines
from tests.fakes.s3 import FakeS3

from emprops.cli.main import COMMANDS
from emprops.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
PAGES = sorted((DEPLOY.parent / "docs").rglob("*.md"))
SETTINGS = {f"EMPROPS_{name.upper()}" for name in Settings.model_fields}
USER = "0192f0c8-0000-7000-8000-00000000000a"
ELSEWHERE = re.compile(r"EMPROPS_(SECRET(_\w+)?|PUBLISH|URL|USER_ID|API_KEY|TOKEN)")
"""Names that are no fields of the settings: secrets of HTTP APIs, compose's own, and what the terminal client reads."""


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"EMPROPS_[A-Z0-9_]*[A-Z0-9]", path.read_text()))
    assert {name for name in named - SETTINGS if not ELSEWHERE.fullmatch(name)} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_exists(path: Path) -> None:
    text = path.read_text()
    run = re.findall(r"bin/emprops (\w+)", text)
    if path.name == "compose.yaml":
        services = yaml.safe_load(text)["services"].values()
        run = [service["command"].split()[0] for service in services if service["image"] == "emprops"]
        assert len(run) == 3
    assert set(run) <= set(COMMANDS)


def environment_of(service: str, values: dict[str, str]) -> dict[str, str]:
    """The environment that compose gives a service, with its variables filled in."""
    given: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][service]["environment"]

    def fill(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":")
        return values.get(name) or default.removeprefix("-").partition("?")[0]

    return {name: re.sub(r"\$\{([^}]+)\}", fill, str(value)) for name, value in given.items()}


@asynccontextmanager
async def emprops(env: dict[str, str], *command: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from emprops.cli.main import app; app({list(command)})",
        env={"PATH": os.environ["PATH"], **env},
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def output_of(env: dict[str, str], *command: str) -> str:
    async with emprops(env, *command) as process:
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().strip()


async def until_ready(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.get("/ready")).status_code == 200:
                    return
            except httpx2.TransportError:
                await asyncio.sleep(0.05)


@pytest.fixture
def empty_database(engines: Engines) -> str:
    name = f"deploy_{secrets.token_hex(4)}"
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return engines.database_url.replace("/emprops_test?", f"/{name}?")


async def test_the_settings_of_the_compose_file_make_a_system(
    engines: Engines, empty_database: str, tmp_path: Path
) -> None:
    """Migrate, plant samples, start api and worker as compose does, on this machine's engines; then make a picture."""
    port = free_port()
    values = {
        "EMPROPS_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "EMPROPS_JWT_SECRET": secrets.token_urlsafe(48),
        "S3_ACCESS_KEY": "access",
        "S3_SECRET_KEY": secrets.token_hex(),
    }
    storage = FakeS3()
    async with served(storage.app()) as s3:  # type: ignore[arg-type]
        here = {
            "DATABASE_URL": empty_database,
            "REDIS_URL": engines.redis_url,
            "EMPROPS_S3_ENDPOINT": str(s3.base_url).rstrip("/"),
            "EMPROPS_DATA_DIR": str(tmp_path),
            "PORT": str(port),
        }
        env = environment_of("api", values) | here
        assert env["EMPROPS_MODE"] == "production"
        await output_of(env, "db", "upgrade")
        samples, token, _ = await asyncio.gather(
            output_of(env, "db", "samples"),
            output_of(env, "token", USER),
            output_of(env, "credits", "grant", USER, "10"),
        )
        art = re.search(r"(\S+)\tart$", samples, re.MULTILINE)
        assert art is not None
        async with (
            emprops(env, "api"),
            emprops(environment_of("worker", values) | here, "worker"),
            httpx2.AsyncClient(base_url=values["EMPROPS_PUBLIC_URL"], trust_env=False, timeout=30) as client,
        ):
            await until_ready(client)
            client.headers["Authorization"] = f"Bearer {token}"
            body = {"variables": {"prompt": "a harbour at night"}}
            made = await client.post(f"/api/collections/{art[1]}/generate", json=body)
            assert made.status_code == 200, made.text
            job = f"/api/jobs/{made.json()['data']['jobId']}"
            async with client.stream("GET", f"{job}/stream", timeout=60) as stream:
                await stream.aread()  # it closes when the job has ended
            ended = (await client.get(job)).json()["data"]
            assert ended["status"] == "completed", ended
            picture = await client.get(ended["workflow_output"])
    assert picture.headers["content-type"] == "image/png"
    assert any(path.startswith("emprops/generations/") for path in storage.objects)
