"""What production installs is what was tested, without the tools that tested it."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


def pinned(name: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / name).read_text()))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", one)[0].lower().replace("_", "-") for one in requirements}


def test_the_lock_of_production_holds_the_tested_versions_and_no_tool() -> None:
    tested, runtime = pinned("requirements.lock"), pinned("requirements-runtime.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert runtime.items() <= tested.items(), "run `make lock`"
    assert names(project["project"]["dependencies"]) <= runtime.keys(), "run `make lock`"
    tools = names(project["dependency-groups"]["dev"])
    assert tools <= tested.keys()
    assert not tools & runtime.keys()


def test_the_image_installs_by_it() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert "--require-hashes requirements-runtime.lock" in dockerfile
    sent = {line[1:] for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {part for line in re.findall(r"^COPY (?!--)(.*)$", dockerfile, re.MULTILINE) for part in line.split()[:-1]}
    assert copied == sent
    assert all((ROOT / name).exists() for name in sent)


def test_what_makes_clients_is_pinned() -> None:
    folder = ROOT / "tests" / "clients"
    for name in ("requirements", "openai"):
        wanted = [line for line in (folder / f"{name}.in").read_text().splitlines() if line[:1] not in ("", "#")]
        assert names(wanted) <= pinned(f"tests/clients/{name}.lock").keys(), "run `make lock`"
    package = json.loads((folder / "package.json").read_text())
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    for name, version in (package["dependencies"] | package["devDependencies"]).items():
        assert locked[f"node_modules/{name}"]["version"] == version, "run `npm install --package-lock-only` there"
