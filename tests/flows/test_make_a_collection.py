"""The page "Make a collection", walked through on a running system."""

import json
from pathlib import Path

import pytest
from tests.flows.conftest import System, worker_process
from tests.walkthrough import DOCS, file_of, walk

from emprops.collections import instructions, variables

PAGE = (DOCS / "how-to" / "make-a-collection.md").read_text()


async def test_each_command_answers_as_the_page_shows(system: System, tmp_path: Path) -> None:
    (tmp_path / "collection.json").write_text(file_of(PAGE, "json"))
    environment = {"API": str(system.http.base_url).rstrip("/"), "USER_ID": str(system.user_id)}
    async with worker_process(system.settings):
        answers = await walk(PAGE, tmp_path, environment)
    [picture] = [answer for answer in answers if '"completed_at":"' in answer and '"position":1' in answer]
    stored = await system.file(json.loads(picture)["data"][0]["url"])
    assert stored.status_code == 200
    assert stored.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "limit",
    [
        f"1 to {instructions.MAX_STEPS} steps",
        f"1 to {instructions.MAX_GENERATIONS}: how many results",
        f"up to {variables.MAX_DEFINITIONS} variables",
    ],
)
def test_the_page_names_the_limits_that_hold(limit: str) -> None:
    assert limit in PAGE


def test_the_page_names_every_kind_of_variable() -> None:
    assert all(f"`{kind}`" in PAGE for kind in variables.TYPES)
