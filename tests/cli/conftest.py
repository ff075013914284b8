"""An api that answers as told, for commands that call one."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.apps import served
from tests.fakes.http_api import FakeApi, Reply
from typer.testing import CliRunner

from emprops.cli.main import app


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Caller:
    """Runs commands against the fake api."""

    api: FakeApi
    data_dir: Path

    def data(self, path: str, data: Any) -> None:
        """Let the api answer a path with this."""
        self.api.on(path, Reply(body={"data": data, "error": None}))

    async def run(self, *arguments: str, **environment: str) -> Done:
        """Run ``emprops`` in this process."""
        removed = dict.fromkeys(filter(_is_ours, os.environ))
        result = await asyncio.to_thread(
            CliRunner().invoke, app, arguments, prog_name="emprops", env=removed | self._here() | environment
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return Done(result.exit_code, result.stdout, result.stderr)

    async def process(self, program: str, *arguments: str, **environment: str) -> Done:
        """Run a program with these arguments, in a process of its own."""
        inherited = {name: value for name, value in os.environ.items() if not _is_ours(name)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            *arguments,
            env=inherited | self._here() | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    def _here(self) -> dict[str, str]:
        return {"EMPROPS_URL": self.api.base, "EMPROPS_USER_ID": "anna", "EMPROPS_DATA_DIR": str(self.data_dir)}


def _is_ours(name: str) -> bool:
    return name.startswith(("EMPROPS_", "DATABASE_URL", "REDIS_URL", "PORT"))


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    api = FakeApi()
    async with served(api.app()) as client:  # type: ignore[arg-type]
        api.base = str(client.base_url).rstrip("/")
        yield Caller(api, tmp_path)
