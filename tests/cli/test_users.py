"""``emprops users``."""

import json
from pathlib import Path

import pytest
from tests.engines import Engines
from typer.testing import CliRunner, Result

from emprops.cli.main import app

ANNA = "0192f0c8-0000-7000-8000-00000000000a"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["users", *arguments], env={"COLUMNS": "200"})


@pytest.fixture(autouse=True)
def database(engines: Engines, clean: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("EMPROPS_DATA_DIR", str(tmp_path))


def test_a_role_is_granted_listed_and_taken_back() -> None:
    assert "No roles were granted" in run("list").stderr
    assert run("grant", ANNA, "author").stdout == f"{ANNA} has the role author.\n"
    assert run("grant", ANNA, "viewer").exit_code == 0
    (viewer, author) = json.loads(run("list", "--json").stdout)
    assert (viewer["role"], author["role"]) == ("viewer", "author")
    assert (author["user_id"], author["granted_by"]) == (ANNA, "cli")
    assert ANNA in run("list").stdout
    assert [one["role"] for one in json.loads(run("revoke", ANNA, "author", "--json").stdout)] == ["viewer"]


def test_what_is_not_there_is_told() -> None:
    missing = run("revoke", ANNA, "author")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "was not granted the role author" in missing.stderr
    assert "There is no role king: use author, operator or viewer." in run("grant", ANNA, "king").stderr
