"""Settings that nothing could work with are refused with one sentence that names them."""

import json
import os
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from emprops.cli.exits import read_settings
from emprops.cli.main import app
from emprops.cli.variables import unknown_variables
from emprops.settings import Settings

GOOD = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "REDIS_URL": "redis://127.0.0.1:1"}

WRONG = [
    ("PORT", "99999"),
    ("PORT", "-1"),
    ("EMPROPS_LOG_LEVEL", "loud"),
    ("EMPROPS_PUBLIC_URL", "media.example"),
    ("EMPROPS_QUEUE_PREFIX", "it's mine:"),
    ("EMPROPS_S3_ENDPOINT", "storage:8333"),
    ("EMPROPS_STATEMENT_TIMEOUT", "0"),
    ("EMPROPS_LOCK_TIMEOUT", "-1"),
    ("EMPROPS_STREAM_POLL", "0"),
    ("EMPROPS_MAX_RUN_TIME", "0"),
    ("EMPROPS_MODE", "prod"),
    ("EMPROPS_RATE_LIMIT", "-1"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(typer.Exit):
        read_settings()
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f" {name}: " in said


def test_levels_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPROPS_LOG_LEVEL", "debug")
    assert Settings().log_level == "DEBUG"


@pytest.mark.parametrize("name", ["EMPROPS_DATA_DIR", "PORT", "EMPROPS_QUEUE_PREFIX", "EMPROPS_MODE", "EMPROPS_LEASE"])
def test_set_to_nothing_is_not_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty data folder would be the current one, with a database in it."""
    monkeypatch.delenv(name, raising=False)
    expected = Settings()
    monkeypatch.setenv(name, "")
    assert Settings() == expected


def run(command: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Result:
    for name in list(os.environ):
        if name.startswith(("EMPROPS_", "DATABASE_URL", "REDIS_URL", "PORT")):
            monkeypatch.delenv(name)
    for name, value in ({"EMPROPS_DATA_DIR": str(tmp_path)} | environment).items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(app, command.split())


ONE_SENTENCE = [
    ("api", {"DATABASE_URL": ""}, "DATABASE_URL is not set"),
    ("api", {"DATABASE_URL": "secret"}, "DATABASE_URL must be"),
    ("api", {"REDIS_URL": ""}, "REDIS_URL is not set"),
    ("api", {"REDIS_URL": "secret:6379"}, "REDIS_URL must be"),
    ("api", {"REDIS_URL": "redis://host:secret/0"}, "REDIS_URL must be"),
    ("api", {"EMPROPS_STORAGE": "s3", "EMPROPS_S3_BUCKET": ""}, "needs EMPROPS_S3_BUCKET"),
    ("api", {}, "PostgreSQL at DATABASE_URL cannot be reached: connection failed"),
    ("upkeep", {"DATABASE_URL": ""}, "DATABASE_URL is not set"),
    ("upkeep", {}, "PostgreSQL at DATABASE_URL cannot be reached: connection failed"),
    ("worker", {"REDIS_URL": ""}, "REDIS_URL is not set"),
    ("worker", {"EMPROPS_STORAGE": "s3", "EMPROPS_S3_BUCKET": ""}, "needs EMPROPS_S3_BUCKET"),
    ("worker", {"EMPROPS_WORKER_JOB_TYPES": "local_imgae"}, "serves. Did you mean local_image? There are:"),
    (
        "worker",
        {"EMPROPS_WORKER_CONNECTORS": "local_enigne"},
        "no connector named local_enigne. Did you mean local_engine? Installed:",
    ),
    ("worker", {"EMPROPS_WORKER_CONCURRENCY_BY_TYPE": "local_imgae=1"}, "which this worker does not serve"),
    ("db upgrade", {"DATABASE_URL": "secret"}, "DATABASE_URL must be"),
    ("keys list", {"DATABASE_URL": "secret"}, "DATABASE_URL must be"),
]


@pytest.mark.parametrize(("command", "wrong", "sentence"), ONE_SENTENCE)
def test_what_a_process_cannot_work_with_is_one_sentence(
    command: str, wrong: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run(command, GOOD | wrong, monkeypatch, tmp_path)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr


def test_a_name_that_is_no_setting_is_said_with_the_nearest() -> None:
    environment = dict.fromkeys(["EMPROPS_WORKR_CONCURRENCY", "emprops_databse_url", "EMPROPS_XYZZY", "HOME"], "1")
    assert unknown_variables(environment) == [
        "emprops_databse_url is not a setting, so it is ignored. Did you mean EMPROPS_DATABASE_URL?",
        "EMPROPS_WORKR_CONCURRENCY is not a setting, so it is ignored. Did you mean EMPROPS_WORKER_CONCURRENCY?",
        "EMPROPS_XYZZY is not a setting, so it is ignored.",
    ]


def test_every_name_that_is_read_is_known() -> None:
    """Those of settings, and those that the source or the files in ``deploy`` mention besides."""
    source = Path(__file__).parents[2]
    files = [*(source / "src").rglob("*.py"), *(path for path in (source / "deploy").rglob("*") if path.is_file())]
    named = {name for path in files for name in re.findall(r"EMPROPS_[A-Z0-9_]*[A-Z0-9]", path.read_text())}
    assert unknown_variables(dict.fromkeys(named - {"EMPROPS_SECRET"}, "1")) == []


def test_commands_warn_on_stderr_and_processes_in_their_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    odd = {"EMPROPS_XYZZY": "1", "EMPROPS_LOG_JSON": "true"}
    command = run("token --help", odd, monkeypatch, tmp_path)
    assert command.exit_code == 0
    command = run("db current", odd, monkeypatch, tmp_path)
    assert command.stderr.startswith("EMPROPS_XYZZY is not a setting")
    process = run("worker", odd, monkeypatch, tmp_path)
    said = json.loads(process.stderr.splitlines()[0])
    assert (said["event"], said["level"]) == ("EMPROPS_XYZZY is not a setting, so it is ignored.", "warning")
