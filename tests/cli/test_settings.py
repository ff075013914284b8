"""Settings that nothing could work with are refused with one sentence that names them."""

import pytest
import typer

from emprops.cli.exits import read_settings
from emprops.settings import Settings

WRONG = [
    ("PORT", "99999"),
    ("PORT", "-1"),
    ("EMPROPS_LOG_LEVEL", "loud"),
    ("EMPROPS_PUBLIC_URL", "media.example"),
    ("EMPROPS_QUEUE_PREFIX", "it's mine:"),
    ("EMPROPS_QUEUE_PREFIX", ""),
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
