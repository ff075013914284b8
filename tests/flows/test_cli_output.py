"""What every command prints on a system with something in it: as JSON, into a pipe, and on a terminal of 80 columns."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis.asyncio
from rich.cells import cell_len
from structlog.testing import capture_logs
from tests.cli.terminal import in_terminal
from tests.cli.tree import commands, documented, json_option_of
from tests.flows.conftest import System, running_system
from typer.testing import CliRunner

from emprops.cli.main import app
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.moderation import store as moderation
from emprops.quotas.limits import QUOTAS
from emprops.settings import Settings

pytestmark = pytest.mark.usefixtures("shared_worker")

SECRET = "t6Yb1MvQ8xK3nW7rJ4dL9gZ2hC5fS0pE"
TITLE = "Nobody serves [/this] \x1b[31m漢字漢字漢字漢字漢字漢字漢字"
NOTHING = "http://127.0.0.1:9/hook"


class Shell:
    """Commands as an operator of this system, and its user, would write them."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.asked: set[str] = set()
        """Commands that were run with ``--json``."""
        self.environment = {
            "EMPROPS_URL": str(system.http.base_url),
            "EMPROPS_USER_ID": str(system.user_id),
            "EMPROPS_DATA_DIR": str(system.settings.data_dir),
            "DATABASE_URL": system.settings.database_url,
            "REDIS_URL": system.settings.redis_url,
            "EMPROPS_JWT_SECRET": SECRET,
        }

    async def run(self, *arguments: str) -> str:
        """Run a command in this process, and return its stdout."""
        with capture_logs():  # the api's lines would be among the command's
            result = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=self.environment)
        assert result.exit_code == 0, result.output
        return result.stdout

    async def json(self, command: str, *arguments: str) -> Any:
        """Run a command with ``--json``; what it promises must be there."""
        self.asked.add(command)
        found = json.loads(await self.run(*command.split(), *arguments, "--json"))
        assert documented(commands()[command]) <= names_in(found), command
        ours = not any("--server" in param.opts for param in commands()[command].params)
        if ours:  # nobody else says what is in it
            shown = found[0] if isinstance(found, list) else found
            assert shown.keys() <= documented(commands()[command]), command
        return found

    async def terminal(self, *arguments: str) -> list[str]:
        """Run a command in a terminal of 80 columns."""
        return await asyncio.to_thread(in_terminal, *arguments, env=self.environment)


def names_in(found: Any) -> set[str]:
    """Names of an object's fields, or of the first in a list; and of those within them."""
    if isinstance(found, list):
        return names_in(found[0]) if found else set()
    if not isinstance(found, dict):
        return set()
    return {*found, *(name for value in found.values() for name in names_in(value))}


@asynccontextmanager
async def shell_on(settings: Settings, database: Database, client: redis.asyncio.Redis) -> AsyncIterator[Shell]:
    lenient = settings.model_copy(update={"outbound_allow": "127.0.0.1:9"})
    async with running_system(lenient, database, client) as system:
        yield Shell(system)


@pytest.fixture
async def shell(flow_settings: Settings, database: Database, redis: redis.asyncio.Redis) -> AsyncIterator[Shell]:
    async with shell_on(flow_settings, database, redis) as shell:
        yield shell


async def unserved(system: System, name: str = "nobody") -> str:
    """A collection of the user whose job no worker can run."""
    job = {"service_required": "openai_chat", "payload": {"model": "m", "prompt": "hello"}}
    workflow = {"name": name, "label": "", "description": "", "type": "direct_job"}
    workflow |= {"output_mime_type": "text/plain", "data": {"form": {"fields": []}, "job": job}}
    assert (await system.post("/api/workflows", workflow)).is_success
    recipe = {"version": "v2", "steps": [{"id": 1, "nodeName": name, "nodePayload": {}}], "variables": []}
    made = await system.post("/api/collections", {"title": TITLE, "data": recipe})
    assert made.is_success, made.text
    return str(made.json()["data"]["id"])


async def given_up(system: System, job_id: str) -> str:
    """Make the step of a cancelled job a dead letter; returns the step's id."""
    async with system.database.transaction() as tx:
        step: UUID = await tx.fetch_value(
            """
            UPDATE step SET status = 'failed', error_message = 'no memory', completed_at = now(),
                dead_letter = '{"reason": "failures", "failures": 3, "losses": 0}' WHERE job_id = %s RETURNING id
            """,
            (job_id,),
        )
    return str(step)


async def credits_are_told(asked: Callable[..., Awaitable[Any]], user: str) -> None:
    """Ask each command about credits."""
    had = (await asked("credits balance", user))["available"]
    assert (await asked("credits grant", user, "5"))["available"] == had + 5
    assert (await asked("credits adjust", user, "-1", "--reason", "x"))["available"] == had + 4
    assert [one["amount"] for one in await asked("credits limit", user, "--month", "500")] == [500]
    assert (await asked("credits statement", user))["closing"]["available"] == had + 4
    assert (await asked("price", "art"))["generations"] == 1


async def assets_are_told(asked: Callable[..., Awaitable[Any]]) -> None:
    """Ask each command about assets."""
    asset = await asked("assets upload", __file__, "--expires", "2d")
    assert asset["name"] == Path(__file__).name
    assert [one["id"] for one in await asked("assets list")] == [asset["id"]]
    assert (await asked("assets show", asset["id"]))["expires_at"] == asset["expires_at"]
    assert await asked("assets delete", asset["id"]) == {"id": asset["id"]}


async def rules_are_told(asked: Callable[..., Awaitable[Any]], user: str) -> None:
    """Ask each command about who may do what, and how much of it."""
    assert [one["role"] for one in await asked("users grant", user, "author")] == ["author"]
    await asked("users grant", user, "viewer")
    assert {one["role"] for one in await asked("users list")} == {"author", "viewer"}
    assert [one["role"] for one in await asked("users revoke", user, "viewer")] == ["author"]
    assert (await asked("policies set", "openai_chat", "--floor", "0.5"))["floor"] == 0.5
    assert [one["job_type"] for one in await asked("policies")] == ["openai_chat"]
    assert (await asked("policies remove", "openai_chat"))["floor"] == 0.5
    limited = await asked("quotas set", "user", user, "--open-jobs", "9")
    assert limited[0]["limit"] == 9
    assert (await asked("quotas get", "user", user))[0] == limited[0]
    assert [one["subject"] for one in await asked("quotas list")] == [user]
    assert (await asked("quotas reset", "user", user))[0]["limit"] is None
    assert "quota.changed" in {one["action"] for one in await asked("audit list")}
    assert (await asked("audit verify"))["problems"] == []


async def held(system: System, job_id: str) -> str:
    """Have the start of a waiting job held for a review; returns the review's id."""
    async with system.database.transaction() as tx:
        await moderation.set_state(tx, UUID(job_id), "start_review")
        return str(await moderation.open_review(tx, UUID(job_id), "start", "Somebody has to look at this first."))


async def reviews_are_told(system: System, asked: Callable[..., Awaitable[Any]]) -> None:
    """Ask each command about what moderation held."""
    collection = await unserved(system, "held")
    for command in ("release", "block"):
        review = await held(system, await system.generate(collection))
        assert [one["id"] for one in await asked("reviews")] == [review]
        assert "hello" in (await asked("reviews show", review))["texts"]
        assert (await asked(f"reviews {command}", review, "--note", "So be it."))["note"] == "So be it."


async def test_every_command_prints_json_with_the_fields_it_promises(shell: Shell) -> None:
    system, asked, user = shell.system, shell.json, str(shell.system.user_id)
    art = await asked("generate", "art", "-v", "seed=4")
    waiting = await system.generate(await unserved(system))
    assert [job["id"] for job in await asked("jobs")] == [waiting, art["id"]]
    assert (await asked("jobs show", waiting))["queue"]["blocked_by"] == ["job type openai_chat"]
    assert [row["message"] for row in await asked("jobs logs", waiting)] == ["Job created"]
    [collection] = await asked("collections")
    assert collection["title"] == TITLE
    assert (await asked("workers"))[0]["connectors"]["local_engine"] == "ok"
    [needed] = (await asked("queue"))["requirements"]
    assert (needed["job_type"], needed["waiting"], needed["workers"]) == ("openai_chat", 1, 0)

    assert (await asked("jobs cancel", waiting))["error_message"] == "Cancelled"
    step = await given_up(system, waiting)
    assert [letter["step_id"] for letter in await asked("dead-letters")] == [step]
    assert (await asked("dead-letters show", step))["input_data"]["prompt"] == "hello"
    [offered] = await asked("dead-letters offer", step)
    assert (offered["job_id"], offered["error"]) == (waiting, None)
    await asked("jobs cancel", waiting)
    assert (await asked("jobs retry", waiting))["retryAttempt"] == 2
    assert (await asked("workers pause", "--all"))["scope"] == "all"
    assert (await asked("workers resume", "--all"))["still_paused"] == []

    current = await asked("db current")
    assert current["revision"] == current["newest"] == (await asked("db upgrade"))["revision"]
    assert "art" in {sample["slug"] for sample in await asked("db samples")}
    await credits_are_told(asked, user)
    key = await asked("keys create", "--name", "a", "--scope", "read")
    assert key["key"].startswith(key["prefix"])
    assert [one["id"] for one in await asked("keys list")] == [key["id"]]
    assert (await asked("keys revoke", key["id"]))["state"] == "revoked"
    assert (await asked("token", user))["user_id"] == user
    assert "/console/#ticket=" in (await asked("console link"))["url"]

    await assets_are_told(asked)
    hook = await asked("webhooks create", NOTHING)
    sent = await asked("webhooks test", hook["id"])
    assert [one["id"] for one in await asked("webhooks list")] == [hook["id"]]
    assert [one["event_id"] for one in await asked("webhooks deliveries", hook["id"])] == [sent["event_id"]]
    assert await asked("webhooks replay", hook["id"], "--event", sent["event_id"]) == {"replayed": 1, "more": False}
    assert (await asked("webhooks enable", hook["id"]))["enabled"] is True
    await rules_are_told(asked, user)
    await reviews_are_told(system, asked)
    assert shell.asked == {name for name, command in commands().items() if json_option_of(command)}


LISTS = [
    ("jobs",), ("collections",), ("collections", "--public"), ("workers",), ("queue",), ("dead-letters",),
    ("keys", "list"), ("webhooks", "list"), ("db", "samples"), ("users", "list"), ("policies",),
    ("quotas", "list"), ("reviews",), ("audit", "list"), ("assets", "list"),
]  # fmt: skip


@pytest.fixture
async def filled(shell: Shell) -> Shell:
    """The same, with something in every list."""
    system = shell.system
    await system.finished(await system.generate("art", {"prompt": "a [/quiet] harbour"}))
    collection = await unserved(system)
    lost = await system.generate(collection)
    await shell.run("jobs", "cancel", lost)
    await given_up(system, lost)
    await system.generate(collection)
    for name in ("the web app of the whole company", "b"):
        await shell.run("keys", "create", "--name", name, "--scope", "read", "--scope", "service", "--expires", "90d")
    await shell.run("users", "grant", str(system.user_id), "author")
    every = ("--floor", "0.123456", "--max-pixels", "4096x4096", "--max-count", "4", "--max-seconds", "600")
    fleet = (
        "--concurrency",
        "128",
        "--per-minute",
        "100000",
        "--author",
        str(system.user_id),
        "--author",
        str(new_id()),
    )
    models = ("--model", "a-model-with-a-long-name", "--model", "another-one")
    await shell.run("policies", "set", "openai_image", *every, *fleet, *models)
    await shell.run("policies", "set", "fetch_api", "--host", "images.example.com", *every, *models)
    limits = [f"--{name.replace('_', '-')}=1234567" for name in QUOTAS]
    await shell.run("quotas", "set", "user", str(system.user_id), *limits)
    await held(system, await system.generate(collection))
    await shell.run("assets", "upload", __file__, "--name", "a-photo-with-a-long-name.jpg", "--expires", "2d")
    hook = await shell.json("webhooks create", f"{NOTHING}/with/a/long/path/that/goes/on/and/on")
    await shell.run("webhooks", "test", hook["id"])
    return shell


async def test_every_list_fits_a_terminal_and_cuts_no_id(filled: Shell) -> None:
    for command in LISTS:
        lines = await filled.terminal(*command)
        piped = [line.split("\t") for line in (await filled.run(*command)).splitlines()]
        assert len(lines) == len(piped) > 1, command
        assert max(map(cell_len, lines)) <= 80, (command, lines)
        assert [line.split("  ")[0] for line in lines[1:]] == [row[0] for row in piped[1:]], command
        assert {len(row) for row in piped} == {len(piped[0])}, command
        assert "\x1b" not in "".join(map(str, [lines, piped]))
    [hook] = await filled.json("webhooks list")
    lines = await filled.terminal("webhooks", "deliveries", hook["id"])
    assert max(map(cell_len, lines)) <= 80, lines


async def test_the_largest_amounts_fit_a_terminal(filled: Shell) -> None:
    user = str(filled.system.user_id)
    await filled.run("credits", "grant", user, "999998000.999999", "--reason", "a reason that goes on and on " * 4)
    await filled.run("credits", "limit", user, "--day", "999999999.999999", "--month", "999999999.999999")
    for command, amount in (("limit", "999999999.999999"), ("statement", "999998000.999999")):
        lines = await filled.terminal("credits", command, user)
        assert max(map(cell_len, lines)) <= 80, lines
        assert any(amount in line for line in lines), lines


async def test_one_job_in_a_terminal(filled: Shell) -> None:
    [_, waiting, cancelled, done] = [job["id"] for job in await filled.json("jobs")]
    shown = await filled.terminal("jobs", "show", waiting)
    assert "waits    no live worker can run it: job type openai_chat" in shown
    assert "title    Nobody serves [/this]  [31m漢字漢字漢字漢字漢字漢字漢字" in shown
    assert any(line.startswith("error    Cancelled") for line in await filled.terminal("jobs", "show", cancelled))
    finished = await filled.terminal("jobs", "show", done)
    assert "prompt=a [/quiet] harbour" in "\n".join(finished)
    assert any("/files/generations/" in line for line in finished)
    for line in await filled.terminal("jobs", "logs", done):
        assert cell_len(line) <= 80
