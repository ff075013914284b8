"""``emprops policies``."""

import json
from pathlib import Path

import pytest
from tests.engines import Engines
from typer.testing import CliRunner, Result

from emprops.audit.service import at_the_terminal
from emprops.cli.main import app

ANNA = "0192f0c8-0000-7000-8000-00000000000a"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["policies", *arguments], env={"COLUMNS": "200"})


@pytest.fixture(autouse=True)
def installation(engines: Engines, clean: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("REDIS_URL", engines.redis_url)
    monkeypatch.setenv("EMPROPS_DATA_DIR", str(tmp_path))


def test_one_is_set_listed_and_removed() -> None:
    assert "There are no policies: everything is allowed." in run().stderr
    options = ["--floor", "0.05", "--model", "gpt-image-1-mini", "--max-pixels", "1024x1536", "--per-minute", "50"]
    assert run("set", "openai_image", *options).stdout == "The policy of openai_image is set.\n"
    stored = json.loads(run("set", "fetch_api", "--host", "queue.fal.run", "--author", ANNA, "--json").stdout)
    assert (stored["host"], stored["builders"], stored["authors"]) == ("queue.fal.run", "authors", [ANNA])
    fetch, image = json.loads(run("--json").stdout)
    assert fetch == stored
    limits = [image[name] for name in ("floor", "models", "max_pixels", "per_minute", "updated_by")]
    assert limits == [0.05, ["gpt-image-1-mini"], 1024 * 1536, 50, at_the_terminal()]
    table = run().stdout.splitlines()
    assert table[1].split("\t") == ["fetch_api", "queue.fal.run", ANNA, *[""] * 7]
    assert table[2].split("\t")[:6] == ["openai_image", "", "everyone", "0.05", "gpt-image-1-mini", "1572864"]
    removed = run("remove", "fetch_api", "--host", "queue.fal.run")
    assert removed.stdout == "The policy of fetch_api at queue.fal.run is removed.\n"
    assert [one["job_type"] for one in json.loads(run("--json").stdout)] == ["openai_image"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["set", "openai_imag"], "Did you mean openai_image?"),
        (["set", "local_image", "--max-pixels", "big"], "--max-pixels must be a number of pixels"),
        (["set", "local_image", "--floor", "-1"], "--floor: Input should be greater than or equal to 0."),
        (["set", "local_image", "--builders", "nobody"], "--builders: Input should be 'everyone', 'authors'"),
        (["set", "local_image", "--host", "a.example"], "Only the policies of fetch_api name a host"),
        (["remove", "local_image"], "There is no policy of local_image."),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(arguments: list[str], says: str) -> None:
    refused = run(*arguments)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert says in refused.stderr
