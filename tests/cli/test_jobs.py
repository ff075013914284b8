"""How jobs are shown in a terminal, and how the client reads streams."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from emprops import __version__
from emprops.cli.client import _events, _lines
from emprops.cli.jobs import why_it_waits


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (None, ""),
        ({"position": 3, "blocked_by": []}, "place 3 in the queue"),
        (
            {"position": 3, "blocked_by": ["model sdxl.safetensors"]},
            "no live worker can run it: model sdxl.safetensors",
        ),
        ({"position": None, "blocked_by": None, "retry_at": "2026-11-29T06:12:13Z"}, "tried again at 06:12:13 UTC"),
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
    assert list(_events(_lines(parts))) == [("job_update", json.loads(data)), ("next", 1)]


def emprops(*arguments: str) -> str:
    command = [sys.executable, "-c", "from emprops.cli.main import app; app()", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "80"}
    ).stdout


def test_the_version() -> None:
    assert emprops("--version") == f"emprops {__version__}\n"


@pytest.mark.parametrize("command", ["generate", "jobs", "collections", "token"])
def test_commands_load_no_server(command: str) -> None:
    """What makes a command slow to start is what it imports: no web framework, no engine's client."""
    check = (
        f"import sys; from emprops.cli.main import COMMANDS; __import__(COMMANDS[{command!r}].partition(':')[0]);"
        "print(sorted({'fastapi', 'redis', 'psycopg', 'openai', 'av', 'opentelemetry'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
