"""What every request meets: its transaction."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from tests.kit.shell.rig import check_failure, committed

from emprops.kit.database import Database


async def users(database: Database) -> int:
    async with database.reader() as reader:
        return int(await reader.fetch_value("SELECT count(*) FROM app_user"))


async def test_the_transaction_is_committed_before_the_reply(extended: FastAPI, database: Database) -> None:
    """Looks from another connection at the moment the status line goes out."""
    seen: list[tuple[int, list[str]]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen.append((await users(database), list(committed)))

    scope = {"type": "http", "method": "POST", "path": "/users/7", "raw_path": b"/users/7", "query_string": b""}
    await extended({**scope, "headers": [(b"host", b"testserver")], "server": ("x", 80)}, receive, send)
    assert seen == [(1, ["7"])]


@pytest.mark.parametrize("then", ["fail", "break"])
async def test_an_error_rolls_back_and_forgets(api: httpx2.AsyncClient, database: Database, then: str) -> None:
    with capture_logs():
        response = await api.post(f"/users/1?then={then}")
    assert response.status_code in (409, 500)
    assert await users(database) == 0
    assert committed == []


async def test_a_broken_constraint_is_a_bug_and_not_a_commit(api: httpx2.AsyncClient, database: Database) -> None:
    assert (await api.post("/users/1")).status_code == 200
    with capture_logs():
        check_failure(await api.post("/users/1"), 500, "internal_error")
    assert await users(database) == 1
    assert committed == ["1"]
