"""Run the ``console`` blocks of a documentation page, and compare what they print with what the page shows.

``…`` in the page stands for any text. ``export NAME=…`` takes the id of the object that the last command answered with.
"""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
ANYTHING = "…"


@dataclass(frozen=True)
class Command:
    """One command of a page, and what the page shows under it."""

    line: str
    shown: str


def commands_of(page: str) -> list[Command]:
    """Return the commands of a page's ``console`` blocks, in order; a line that ends with a backslash goes on."""
    commands: list[Command] = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines(keepends=True)
            end = next(at for at, line in enumerate(lines, 1) if not line.endswith("\\\n"))
            commands.append(Command("".join(lines[:end]).strip(), "".join(lines[end:]).strip()))
    return commands


def file_of(page: str, language: str, number: int = 0) -> str:
    """Return the contents of a page's code block, counted among those of its language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[number]


async def walk(page: str, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Run a page's commands in a folder, and return what each printed.

    ``environment`` holds values that win over those the page exports. Fails where an answer is not the page's.
    """
    variables = dict(os.environ) | dict(environment)
    answers: list[str] = []
    for command in commands_of(page):
        if exported := re.fullmatch(r"export (\w+)=(.*)", command.line):
            name, value = exported.groups()
            variables[name] = environment.get(name) or (_last_id(answers) if value == ANYTHING else value)
            continue
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", command.line),
            cwd=folder,
            env=variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = (await process.communicate())[0].decode().strip()
        pattern = ".*".join(map(re.escape, command.shown.split(ANYTHING)))
        assert re.fullmatch(pattern, printed, re.DOTALL), f"{command.line}\nprints\n{printed}\nnot\n{command.shown}"
        answers.append(printed)
    return answers


def _last_id(answers: list[str]) -> str:
    data = next(json.loads(answer)["data"] for answer in reversed(answers) if answer.startswith('{"data":{'))
    return str(data.get("jobId") or data["id"])
