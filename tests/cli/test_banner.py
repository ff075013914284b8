"""What ``emprops up`` says when everything runs."""

from pathlib import Path
from uuid import uuid4

from emprops.cli.up import banner
from emprops.local.run import Run
from emprops.local.supervisor import Installation
from emprops.settings import Settings

RUN = Run("http://localhost:3001", str(uuid4()), "", "", 1)
INSTALLATION = Installation(RUN, {"art": uuid4()}, Path("/data/logs"), [], [])


def test_local_mode_shows_whom_to_be() -> None:
    said = banner(INSTALLATION, Settings(mode="local"))
    assert f"Your user id   {RUN.user_id}" in said
    assert f"-H 'user_id: {RUN.user_id}'" in said
    assert "API reference  http://localhost:3001/docs" in said


def test_production_shows_nothing_that_would_not_work() -> None:
    said = banner(INSTALLATION, Settings(mode="production"))
    assert "user_id" not in said
    assert RUN.user_id not in said
    assert "/docs" not in said  # not served there
    assert '-H "Authorization: Bearer $TOKEN"' in said
