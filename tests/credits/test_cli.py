"""``emprops credits`` on a real database."""

from uuid import UUID

import pytest
from tests.engines import Engines
from typer.testing import CliRunner, Result

from emprops.cli.main import app
from emprops.kit.ids import new_id


@pytest.fixture(autouse=True)
def environment(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("EMPROPS_CREDITS_INITIAL", "0")


def credits(*arguments: str | UUID) -> Result:  # noqa: A001 - as the command is called
    return CliRunner().invoke(app, ["credits", *map(str, arguments)])


def test_grant_adjust_and_look() -> None:
    user_id = new_id()
    assert credits("balance", user_id).stdout == "available 0  held 0\n"
    assert credits("grant", user_id, "10.5", "--reason", "Welcome").stdout == "available 10.5  held 0\n"
    assert credits("adjust", user_id, "-0.25", "--reason", "Counted twice").stdout == "available 10.25  held 0\n"
    assert credits("balance", user_id).stdout == "available 10.25  held 0\n"


def test_a_user_seen_first_here_gets_the_initial_credits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPROPS_CREDITS_INITIAL", "2")
    assert credits("grant", new_id(), "1").stdout == "available 3  held 0\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("grant", new_id(), "0"), "amount: must be above 0"),
        (("grant", new_id(), "five"), "AMOUNT five: an amount of credits must be a number such as 5 or 0.25."),
        (
            ("grant", new_id(), "0.0000001"),
            "AMOUNT 0.0000001: an amount of credits must not have more than 6 decimals.",
        ),
        (
            ("adjust", new_id(), "-1", "--reason", "x"),
            "amount: a user must be left with at least 0 and fewer than 1000000000 credits",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments: tuple[str | UUID, ...], sentence: str) -> None:
    result = credits(*arguments)
    assert result.exit_code == 1
    assert result.stderr == sentence + "\n"


def test_a_setting_with_too_many_decimals_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPROPS_CREDITS_INITIAL", "0.0000001")
    result = credits("balance", new_id())
    assert result.exit_code == 1
    assert "credits_initial" in result.stderr.lower()
