"""``emprops keys`` and ``emprops token``."""

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from tests.engines import Engines
from typer.testing import CliRunner, Result

from emprops.auth.keys import digest_of
from emprops.auth.tokens import SharedSecret, TokenVerifier
from emprops.cli.main import app
from emprops.settings import Settings

SECRET = "t6Yb1MvQ8xK3nW7rJ4dL9gZ2hC5fS0pE"
ANNA = "0192f0c8-0000-7000-8000-00000000000a"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


@pytest.fixture
def url(engines: Engines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("EMPROPS_DATA_DIR", str(tmp_path))
    return engines.database_url


def stored(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT prefix, key_hash, name, scopes, owner_user_id, expires_at - created_at, revoked_at FROM api_key"
            " ORDER BY created_at"
        ).fetchall()


def test_a_key_is_printed_once(url: str) -> None:
    made = run("keys", "create", "--name", "web app", "--scope", "service", "--scope", "read", "--user", ANNA)
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    assert "not shown again" in made.stderr
    prefix, digest, name, scopes, owner, life, revoked = stored(url)[0]
    assert (prefix, digest, name) == (text[4:12], digest_of(text), "web app")
    assert (scopes, owner, life, revoked) == (["read", "service"], UUID(ANNA), None, None)
    listed = run("keys", "list").stdout
    assert f"emp_{prefix}" in listed
    assert "web app" in listed
    assert "live" in listed
    assert text[13:] not in listed


@pytest.mark.parametrize(("said", "seconds"), [("90d", 90 * 86400), ("12h", 12 * 3600), ("30m", 1800)])
def test_a_key_may_expire(url: str, said: str, seconds: int) -> None:
    assert run("keys", "create", "--name", "a", "--scope", "worker", "--expires", said).exit_code == 0
    assert stored(url)[0][5].total_seconds() == seconds  # type: ignore[attr-defined]
    [listed] = json.loads(run("keys", "list", "--json").stdout)
    assert listed["state"] == "live"
    ends, made = (datetime.fromisoformat(listed[name]) for name in ("expires_at", "created_at"))
    assert (ends - made).total_seconds() == seconds


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--scope", "admin"), "There is no scope admin"),
        (("--scope", "read", "--expires", "soon"), "not a time like 90d"),
        (("--scope", "read", "--expires", "0d"), "not a time like 90d"),
    ],
)
def test_nonsense_makes_no_key(url: str, arguments: tuple[str, ...], sentence: str) -> None:
    result = run("keys", "create", "--name", "a", *arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert stored(url) == []


@pytest.mark.parametrize("form", ["prefix", "marked prefix", "whole key", "id"])
def test_revoking(url: str, form: str) -> None:
    text, other = (run("keys", "create", "--name", "a", "--scope", "read").stdout.strip() for _ in range(2))
    with psycopg.connect(url) as connection:
        (key_id,) = connection.execute("SELECT id::text FROM api_key WHERE prefix = %s", [text[4:12]]).fetchone() or ()
    which = {"prefix": text[4:12], "marked prefix": text[:12], "whole key": text, "id": key_id}[form]
    result = run("keys", "revoke", which)
    assert result.exit_code == 0
    assert text[4:12] in result.stdout
    first = {row[0]: row[6] for row in stored(url)}
    assert first[text[4:12]] is not None
    assert first[other[4:12]] is None
    assert run("keys", "revoke", which).exit_code == 0
    assert {row[0]: row[6] for row in stored(url)} == first
    assert "revoked" in run("keys", "list").stdout


def test_what_is_not_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No API keys yet" in run("keys", "list").stderr
    missing = run("keys", "revoke", "emp_aaaaaaaa")
    assert missing.exit_code == 1
    assert "There is no API key" in missing.stderr
    monkeypatch.delenv("DATABASE_URL")
    nowhere = run("keys", "list")
    assert nowhere.exit_code == 1
    assert "set DATABASE_URL" in nowhere.stderr


def test_a_database_that_is_not_migrated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url.replace("emprops_test", "postgres"))
    result = run("keys", "list")
    assert result.exit_code == 1
    assert "emprops db upgrade" in result.stderr


def test_the_running_installation_is_found(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run_file = {"url": "", "user_id": ANNA, "database_url": url, "redis_url": "", "pid": os.getpid()}
    (tmp_path / "run.json").write_text(json.dumps(run_file))
    monkeypatch.delenv("DATABASE_URL")
    assert run("keys", "create", "--name", "a", "--scope", "read").exit_code == 0
    assert len(stored(url)) == 1


def test_a_token_for_development(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "EMPROPS_JWT_SECRET, which is not set" in run("token", ANNA).stderr
    monkeypatch.setenv("EMPROPS_JWT_SECRET", "short")
    assert "shorter than 32" in run("token", ANNA).stderr
    monkeypatch.setenv("EMPROPS_JWT_SECRET", SECRET)
    text = run("token", ANNA, "--hours", "2").stdout.strip()
    settings = Settings()
    verifier = TokenVerifier(SharedSecret(SECRET.encode()), settings.jwt_issuer, settings.jwt_audience)
    assert asyncio.run(verifier.verify(text)).id == ANNA
