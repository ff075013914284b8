"""How many connections an api may hold: as many as the system lets it, and it says when those are few."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from emprops.cli.serving import allow_files
from emprops.settings import Settings

resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
allow_files(Settings(stream_limit=600, socket_limit=100))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("soft", "hard", "allowed", "is_few"), [(256, 1500, 1500, False), (256, 1000, 1000, True)])
def test_the_limit_is_raised_to_what_the_system_allows(soft: int, hard: int, allowed: int, is_few: bool) -> None:
    program = PROGRAM.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(allowed)
    assert ("EMPROPS_STREAM_LIMIT" in done.stdout + done.stderr) == is_few
