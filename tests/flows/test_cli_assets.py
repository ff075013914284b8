"""Files from a terminal: brought, and generated from in one step."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from tests.flows.test_cli_output import Shell, shell_on
from tests.media.builders import picture
from typer.testing import CliRunner

from emprops.cli.main import app
from emprops.kit.database import Database
from emprops.settings import Settings

pytestmark = pytest.mark.usefixtures("shared_worker")


@pytest.fixture
async def shell(flow_settings: Settings, database: Database, redis: redis.asyncio.Redis) -> AsyncIterator[Shell]:
    async with shell_on(flow_settings, database, redis) as shell:
        yield shell


@pytest.fixture
def fox(tmp_path: Path) -> Path:
    path = tmp_path / "fox.png"
    path.write_bytes(picture("PNG", (64, 32)))
    return path


async def test_a_file_is_generated_from_in_one_step(shell: Shell, fox: Path) -> None:
    job = await shell.json("generate", "upscale", "--var", f"image=@{fox}")
    [asset] = await shell.json("assets list")
    assert asset["name"] == "fox.png"
    assert job["status"] == "completed"
    assert job["data"]["variables"]["image"] == f"asset:{asset['id']}"
    assert (await shell.json("assets upload", str(fox)))["id"] == asset["id"]


async def test_an_at_before_anything_else_is_a_text(shell: Shell) -> None:
    job = await shell.json("generate", "art", "--var", "prompt=@vitalik", "--var", "seed=3")
    assert job["data"]["variables"]["prompt"] == "@vitalik"


async def test_a_file_that_is_not_there_is_told_in_a_sentence(shell: Shell, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["assets", "upload", str(tmp_path / "none.png")], env=shell.environment)
    assert result.exit_code == 1
    assert result.stderr == f"{tmp_path / 'none.png'} cannot be read: No such file or directory.\n"


async def test_a_file_may_come_through_a_pipe(shell: Shell) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emprops.cli.main", "assets", "upload", "-", "--name", "hello.txt"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | shell.environment,
    )
    said, _ = await process.communicate(b"hello\n" * 100_000)
    assert process.returncode == 0
    [asset] = await shell.json("assets list")
    assert (asset["id"], asset["name"], asset["size_bytes"]) == (said.decode().strip(), "hello.txt", 600_000)
