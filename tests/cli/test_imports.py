"""What makes a command slow to start is what it imports: those that need no server's libraries load none."""

import json

import pytest
from tests.cli.conftest import Caller
from tests.fakes.http_api import Reply

SERVERS = {
    "PIL", "alembic", "av", "boto3", "botocore", "cryptography", "fastapi", "jinja2", "mux_python", "numpy", "obstore",
    "openai", "opentelemetry", "prometheus_client", "psycopg", "psycopg_pool", "redis", "sqlalchemy", "starlette",
    "structlog", "uvicorn",
}  # fmt: skip
SLOW = {"pydantic_settings", "psutil", "rich.console", "rich.table", "rich.progress"}
"""Not a server's, and still worth a tenth of a second together."""
PROGRAM = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from emprops.cli.main import app
app(prog_name="emprops")
"""
ANNA = "0192f0c8-0000-7000-8000-00000000000a"
JOB = {
    "id": ANNA, "name": "Art", "status": "completed", "progress": 100, "created_at": "2026-01-10T12:00:00Z",
    "workflow_output": "http://localhost/a.png", "error_message": None, "data": {},
}  # fmt: skip
CLIENTS = [("--version",), ("jobs",), ("collections", "--public"), ("generate", "art", "--json"), ("webhooks", "list")]


async def loaded(caller: Caller, *arguments: str, **environment: str) -> set[str]:
    caller.data("/api/jobs", [JOB])
    caller.data("/collections/public", [{"id": ANNA, "slug": "art", "status": "published", "title": "Art"}])
    caller.data("/api/webhooks", [])
    caller.data("/api/collections/art/generate", {"jobId": ANNA})
    ended = f"event: job_update\ndata: {json.dumps(JOB)}\n\n"
    caller.api.on(f"/api/jobs/{ANNA}/stream", stream(ended))
    done = await caller.process(PROGRAM, *arguments, **environment)
    assert done.code == 0, done.err
    return set(json.loads(done.err.splitlines()[-1]))


def stream(text: str) -> Reply:
    return Reply(body=text.encode(), mime_type="text/event-stream")


@pytest.mark.parametrize("arguments", CLIENTS, ids=" ".join)
async def test_what_calls_an_api_loads_what_that_takes(caller: Caller, arguments: tuple[str, ...]) -> None:
    assert await loaded(caller, *arguments) & (SERVERS | SLOW) == set()


@pytest.mark.parametrize("arguments", [("--help",), ("jobs", "--help"), ("generate", "--help")], ids=" ".join)
async def test_help_loads_no_server(caller: Caller, arguments: tuple[str, ...]) -> None:
    assert await loaded(caller, *arguments) & SERVERS == set()


async def test_the_list_of_commands_loads_none_of_them(caller: Caller) -> None:
    modules = await loaded(caller, "--help")
    assert {name for name in modules if name.startswith("emprops.")} == {
        "emprops.cli", "emprops.cli.lazy", "emprops.cli.main"
    }  # fmt: skip


async def test_a_token_needs_no_server(caller: Caller) -> None:
    secret = "t6Yb1MvQ8xK3nW7rJ4dL9gZ2hC5fS0pE"
    modules = await loaded(caller, "token", ANNA, EMPROPS_JWT_SECRET=secret)
    assert modules & (SERVERS - {"cryptography"}) == set()


@pytest.mark.parametrize("command", ["up", "workers", "queue", "keys", "credits", "db"])
async def test_what_reaches_the_engines_loads_no_web_framework(caller: Caller, command: str) -> None:
    web = {"PIL", "av", "fastapi", "jinja2", "mux_python", "obstore", "openai", "sqlalchemy", "starlette", "uvicorn"}
    assert await loaded(caller, command, "--help") & web == set()


async def test_completion_loads_no_server(caller: Caller) -> None:
    asked = {"_EMPROPS_COMPLETE": "complete_bash", "COMP_WORDS": "emprops w", "COMP_CWORD": "1"}
    assert await loaded(caller, **asked) & (SERVERS | SLOW) == set()
