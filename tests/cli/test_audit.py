"""``emprops audit``."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.engines import Engines
from typer.testing import CliRunner, Result

from emprops.audit.chaining import chain_entries
from emprops.cli.main import app
from emprops.kit.database import Database

ANNA = "0192f0c8-0000-7000-8000-00000000000a"
BERT = "0192f0c8-0000-7000-8000-00000000000b"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


@pytest.fixture(autouse=True)
def address(engines: Engines, clean: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("EMPROPS_DATA_DIR", str(tmp_path))
    return engines.database_url


@pytest.fixture
def chain(address: str) -> Callable[[], None]:
    """Does what upkeep does each second."""

    async def once() -> None:
        database = Database(address, size=1)
        await database.open()
        await chain_entries(database)
        await database.close()

    return lambda: asyncio.run(once())


def meddle(address: str, statement: str) -> None:
    with psycopg.connect(address) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)


def test_commands_are_recorded_and_listed() -> None:
    key = json.loads(run("keys", "create", "--name", "app", "--scope", "service", "--json").stdout)
    assert run("keys", "revoke", key["prefix"]).exit_code == 0
    assert run("users", "grant", ANNA, "operator").exit_code == 0
    assert run("users", "grant", ANNA, "operator").exit_code == 0, "again changes nothing, and records nothing"
    assert run("users", "revoke", ANNA, "operator").exit_code == 0
    assert run("credits", "grant", BERT, "5").exit_code == 0
    assert run("credits", "adjust", BERT, "-1.5", "--reason", "x").exit_code == 0
    entries = json.loads(run("audit", "list", "--json").stdout)
    assert [one["action"] for one in reversed(entries)] == [
        "key.created",
        "key.revoked",
        "role.granted",
        "role.revoked",
        "credits.granted",
        "credits.adjusted",
    ]
    assert all(one["actor"].startswith("cli:") for one in entries)
    assert key["key"] not in str(entries)
    assert entries[0]["details"] == {"amount": -1.5, "ledger_entry": entries[0]["details"]["ledger_entry"]}
    annas = json.loads(run("audit", "list", "--user", ANNA, "--json").stdout)
    assert [one["target"] for one in annas] == [f"user:{ANNA}"] * 2
    assert len(json.loads(run("audit", "list", "--action", "key.", "--json").stdout)) == 2
    assert json.loads(run("audit", "list", "--until", "2020-01-01", "--json").stdout) == []
    assert "role.granted" in run("audit", "list", "--limit", "4").stdout
    assert "No such entries." in run("audit", "list", "--actor", "cli:nobody").stderr


def test_a_sound_log_and_a_changed_one(address: str, chain: Callable[[], None]) -> None:
    for amount in ("1", "2", "3"):
        run("credits", "grant", ANNA, amount)
    assert "3 entries have not joined the chain yet" in run("audit", "verify").stderr
    chain()
    sound = run("audit", "verify")
    assert (sound.exit_code, sound.stderr) == (0, "")
    assert sound.stdout.startswith("3 entries are as they were written, up to 3:")
    end = sound.stdout.split()[-1]
    assert run("audit", "verify", "--expect", end).exit_code == 0
    meddle(address, "UPDATE audit_entry SET details = '{\"amount\": 1}' WHERE position = 2")
    changed = run("audit", "verify")
    assert changed.exit_code == 1
    assert "The entry at position 2 (id " in changed.stdout
    report = json.loads(run("audit", "verify", "--json").stdout)
    assert (report["sound"], len(report["problems"]), report["entries"]) == (False, 1, 3)


def test_an_export_can_be_checked_elsewhere(address: str, chain: Callable[[], None], tmp_path: Path) -> None:
    for amount in ("1", "2.5", "3"):
        run("credits", "grant", ANNA, amount)
    chain()
    lines = run("audit", "export").stdout
    file = tmp_path / "audit.jsonl"
    file.write_text(lines)
    meddle(address, "UPDATE audit_entry SET actor = 'cli:nobody'")
    checked = run("audit", "verify", "--file", str(file))
    assert (checked.exit_code, checked.stdout.split()[0]) == (0, "3")
    end = checked.stdout.split()[-1]
    assert run("audit", "verify", "--file", str(file), "--expect", end).exit_code == 0
    assert run("audit", "verify", "--file", str(file), "--expect", f"3:{'ab' * 32}").exit_code == 1
    file.write_text("".join(lines.splitlines(keepends=True)[1:]))
    assert run("audit", "verify", "--file", str(file)).exit_code == 0, "an export may begin anywhere"
    file.write_text(lines.replace("2.5", "2.6"))
    assert "position 2" in run("audit", "verify", "--file", str(file)).stdout
    file.write_text(lines + "{}\n")
    assert f"{file}:4 is not a line of `emprops audit export`." in run("audit", "verify", "--file", str(file)).stderr
    assert "cannot be read" in run("audit", "verify", "--file", str(tmp_path / "none")).stderr


@pytest.mark.parametrize("text", ["", "3", "0:" + "ab" * 32, "3:xyz"])
def test_what_is_no_place_in_the_chain_is_refused(text: str) -> None:
    refused = run("audit", "verify", "--expect", text)
    assert refused.exit_code == 1
    assert "--expect takes what `emprops audit verify` prints" in refused.stderr
