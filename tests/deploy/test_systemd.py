"""The units, as systemd itself judges them, and the command that works with their settings."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
PROGRAM = "/opt/emprops/.venv/bin/emprops"
EXPOSED = 20
"""The worst that ``systemd-analyze security`` may say, in tenths: 1.5 when this was written; 96 without any setting."""


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("systemd-analyze is not installed")
    return program


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_every_line(unit: Path, analyze: str, tmp_path: Path) -> None:
    here = tmp_path / unit.name.replace("@", "@gpu0")
    here.write_text(unit.read_text().replace(PROGRAM, sys.executable))
    answer = subprocess.run([analyze, "verify", "--man=no", here], capture_output=True, text=True, check=False)
    said = [line for line in (answer.stdout + answer.stderr).splitlines() if "emprops" in line]
    assert said == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_a_unit_can_reach_is_limited(unit: Path, analyze: str) -> None:
    command = [analyze, "security", "--offline=true", f"--threshold={EXPOSED}", unit]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_started_again_however_often_it_ends(unit: Path) -> None:
    """By default systemd gives up after five starts within ten seconds, which an outage of PostgreSQL brings about."""
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(unit)
    assert read["Unit"]["StartLimitIntervalSec"] == "0"
    assert read["Service"]["Restart"] == "always"
    assert int(read["Service"]["RestartSec"]) <= 5


SYSTEMD_RUN = """#!{python}
import os, sys
at = sys.argv.index("--")
told = dict(option.removeprefix("--property=").split("=", 1) for option in sys.argv[1:at] if "=" in option)
assert (told["User"], told["Group"]) == ("emprops", "emprops")
print(told["EnvironmentFile"], told["WorkingDirectory"], *sys.argv[at + 1:], sep="|")
"""


def test_the_command_has_the_settings_and_the_account_of_the_services(tmp_path: Path) -> None:
    (tmp_path / "systemd-run").write_text(SYSTEMD_RUN.format(python=sys.executable))
    (tmp_path / "systemd-run").chmod(0o755)
    command = [SYSTEMD / "emprops", "keys", "create", "--name", "web app"]
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(command, env=path, capture_output=True, text=True, check=True).stdout.strip()
    assert said == f"/etc/emprops/emprops.env|/var/lib/emprops|{PROGRAM}|keys|create|--name|web app"
    services = [unit.read_text() for unit in UNITS]
    assert all(f"EnvironmentFile={said.split('|')[0]}\n" in text for text in services)
