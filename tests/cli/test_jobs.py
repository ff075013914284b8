"""How jobs are shown in a terminal, and how the client reads streams."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from emprops import __version__
from emprops.cli.events import read_events
from emprops.cli.main import app
from emprops.cli.times import at, parsed
from emprops.cli.watching import why_it_waits

RETRY = "2026-11-29T06:12:13Z"


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (None, ""),
        ({"position": 3, "blocked_by": []}, "place 3 in the queue"),
        (
            {"position": 6, "turns": 3, "own_before": 2, "blocked_by": []},
            "place 6 in the queue (3 users' turns before yours, 2 of your own steps before it)",
        ),
        (
            {"position": 3, "turns": 1, "own_before": 1, "blocked_by": []},
            "place 3 in the queue (1 user's turn before yours, 1 of your own steps before it)",
        ),
        (
            {"position": 3, "blocked_by": ["model sdxl.safetensors"]},
            "no live worker can run it: model sdxl.safetensors",
        ),
        (
            {"position": None, "blocked_by": None, "retry_at": RETRY},
            f"failed, and is tried again at {at(parsed(RETRY))}",
        ),
    ],
)
def test_why_a_job_waits(place: dict[str, Any] | None, says: str) -> None:
    assert why_it_waits({"queue": place}) == says


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_lines_of_a_stream_end_where_the_protocol_says(end: str, cut: int) -> None:
    data = json.dumps({"prompt": "one\u2028two\x0bthree\x85"}, ensure_ascii=False)
    text = f"event: job_update{end}data: {data}{end}{end}event: next{end}data: 1{end}{end}"
    parts = [text[at : at + cut] for at in range(0, len(text), cut)]
    assert list(read_events(parts)) == [("job_update", json.loads(data)), ("next", 1)]


def test_the_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"emprops {__version__}\n"
