"""Whatever goes wrong is one sentence that says what to do, an exit code that is not 0, and no traceback."""

from typing import Any

import pytest
from tests.cli.conftest import Caller, Done
from tests.fakes.http_api import Reply

COMMANDS = [
    ("jobs",),
    ("jobs", "show", "0192f0c8-0000-7000-8000-00000000000a"),
    ("jobs", "logs", "0192f0c8-0000-7000-8000-00000000000a", "--json"),
    ("jobs", "cancel", "0192f0c8-0000-7000-8000-00000000000a"),
    ("collections", "--json"),
    ("generate", "art"),
    ("webhooks", "list"),
]
GIVEN = {
    ("jobs",): "/api/jobs",
    ("jobs", "show", "0192f0c8-0000-7000-8000-00000000000a"): "/api/jobs/0192f0c8-0000-7000-8000-00000000000a",
    ("generate", "art"): "/api/collections/art/generate",
    ("webhooks", "list"): "/api/webhooks",
}


def refused(status: int, error: str, code: str = "", **more: Any) -> Reply:
    return Reply(status, {"data": None, "error": error, "code": code, "request_id": "r"} | more)


def sentence(done: Done) -> str:
    assert done.code == 1, done
    assert done.out == ""
    [line] = done.err.splitlines()
    return line


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_nobody_answers(caller: Caller, command: tuple[str, ...]) -> None:
    said = sentence(await caller.run(*command, EMPROPS_URL="http://127.0.0.1:9"))
    assert said.startswith("http://127.0.0.1:9 does not answer (")
    assert said.endswith("): start it with `emprops up`, or name it with --server.")


@pytest.mark.parametrize(
    "url", ["localhost:3001", "ftp://localhost", "http://", "http://[::1", "http://localhost:port", "http://a:99999"]
)
async def test_what_is_no_address(caller: Caller, url: str) -> None:
    said = sentence(await caller.run("jobs", "--server", url))
    assert said == (
        f"{url} is not the address of an api: it looks like http://localhost:3001 or https://api.example.com."
    )


async def test_nothing_runs_here(caller: Caller) -> None:
    said = sentence(await caller.run("jobs", EMPROPS_URL=""))
    assert said.endswith("start one with `emprops up`, or name an api with --server.")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("EMPROPS_TOKEN", "a\nb"), ("EMPROPS_API_KEY", "emp_ä"), ("EMPROPS_USER_ID", "\x00".strip("\x00") + "é")],
)
async def test_what_no_header_may_have(caller: Caller, variable: str, value: str) -> None:
    assert "has characters that no header may have" in sentence(await caller.run("jobs", **{variable: value}))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_somebody_else_answers(caller: Caller, command: tuple[str, ...]) -> None:
    said = sentence(await caller.run(*command))  # the fake answers "not here" to what it was not told
    assert said == f"{caller.api.base} answered 404, and not as an EmProps api does: is it the address of one?"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"x"', b'{"data": {}}', b'{"jobs": []}', b""])
async def test_an_answer_that_is_none(caller: Caller, body: bytes) -> None:
    caller.api.on("/api/jobs", Reply(body=body))
    assert "not as an EmProps api does" in sentence(await caller.run("jobs"))


async def test_an_address_that_points_elsewhere(caller: Caller) -> None:
    caller.api.on("/api/jobs", Reply(301, b"", "text/html", {"location": "https://api.example.com/api/jobs"}))
    said = sentence(await caller.run("jobs"))
    assert said == f"{caller.api.base} points to https://api.example.com/api/jobs: name that with --server."


@pytest.mark.parametrize(
    ("known_by", "what_to_do"),
    [
        ({}, "name a user with --user, or in production set EMPROPS_TOKEN or EMPROPS_API_KEY."),
        ({"EMPROPS_TOKEN": "t"}, "check EMPROPS_TOKEN, which may have expired, and that this api takes tokens."),
        ({"EMPROPS_API_KEY": "k"}, "check EMPROPS_API_KEY; `emprops keys list` lists keys by how they begin."),
    ],
)
@pytest.mark.parametrize("command", GIVEN, ids=" ".join)
async def test_401(caller: Caller, command: tuple[str, ...], known_by: dict[str, str], what_to_do: str) -> None:
    caller.api.on(GIVEN[command], refused(401, "Unauthorized: missing user_id header", "unauthorized"))
    assert sentence(await caller.run(*command, **known_by)) == f"Unauthorized: missing user_id header: {what_to_do}"


@pytest.mark.parametrize(
    ("command", "error", "what_to_do"),
    [
        (("jobs", "show", "0192f0c8-0000-7000-8000-00000000000a"), "Job not found", "`emprops jobs` lists yours."),
        (
            ("generate", "art"),
            "Collection not found",
            "`emprops collections` lists yours, and with --public those of everybody.",
        ),
        (("jobs",), "There is no GET /api/jobs.", "is {} the address of an api of this version?"),
    ],
)
async def test_404(caller: Caller, command: tuple[str, ...], error: str, what_to_do: str) -> None:
    caller.api.on(GIVEN[command], refused(404, error, "not_found"))
    assert sentence(await caller.run(*command)) == f"{error.rstrip('.')}: {what_to_do.format(caller.api.base)}"


async def test_422_says_what_is_wrong(caller: Caller) -> None:
    details = {"seed": "must be a number", "style": "must be one of bloom, waves"}
    caller.api.on("/api/collections/art/generate", refused(422, "Invalid variables", details=details))
    said = sentence(await caller.run("generate", "art"))
    assert said == "Invalid variables: seed: must be a number; style: must be one of bloom, waves"


@pytest.mark.parametrize("status", [429, 503])
async def test_later(caller: Caller, status: int) -> None:
    caller.api.on(
        "/api/jobs",
        refused(status, "Too much."),
    )
    assert sentence(await caller.run("jobs")) == "Too much."
    reply = refused(status, "Too much.")
    caller.api.on("/api/jobs", Reply(status, reply.body, headers={"retry-after": "7"}))
    assert sentence(await caller.run("jobs")) == "Too much: try again in 7 seconds."


async def test_a_reason_that_would_steer_the_terminal(caller: Caller) -> None:
    caller.api.on("/api/jobs", refused(400, "No \x1b[31m\x07such\tthing."))
    assert sentence(await caller.run("jobs")) == "No  [31m such thing."


@pytest.mark.parametrize(
    "command",
    [("jobs", "show", "nope"), ("jobs", "--status", "odd"), ("jobs", "--limit", "0"), ("generate",)],
    ids=" ".join,
)
async def test_what_is_not_written_like_this(caller: Caller, command: tuple[str, ...]) -> None:
    done = await caller.run(*command)
    assert (done.code, done.out) == (2, "")
    assert "Usage: emprops " in done.err
    assert caller.api.asked == []


@pytest.mark.parametrize(
    "command", ["workers", "queue", "dead-letters", "keys list", "db current", "workers pause --all"]
)
async def test_engines_that_are_away(caller: Caller, command: str) -> None:
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "REDIS_URL": "redis://127.0.0.1:1"}
    said = sentence(await caller.run(*command.split(), **away))
    assert said.startswith(("PostgreSQL at DATABASE_URL cannot be reached: ", "Redis at REDIS_URL cannot be used: "))
    nowhere = sentence(await caller.run(*command.split()))
    assert "`emprops up`" in nowhere


async def test_certificates_that_cannot_be_read(caller: Caller) -> None:
    odd = caller.data_dir / "odd.pem"
    odd.write_text("no certificate")
    said = sentence(await caller.run("jobs", EMPROPS_URL="https://127.0.0.1:9", SSL_CERT_FILE=str(odd)))
    assert said.startswith(f"SSL_CERT_FILE={odd} ")
