"""A command in a terminal of its own, and what stands there then."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

EMPROPS = str(Path(sys.executable).with_name("emprops"))
STYLES = re.compile(r"\x1b\[[0-9;]*m")


def in_terminal(
    *arguments: str,
    env: Mapping[str, str],
    columns: int = 80,
    command: tuple[str, ...] = (EMPROPS,),
    stderr_too: bool = False,
) -> list[str]:
    """Run a command, which must succeed, whose stdout, or that and stderr, is a terminal this wide. Returns its lines
    without styles."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    errors = theirs if stderr_too else subprocess.PIPE
    widths = {name: value for name, value in (dict(os.environ) | dict(env)).items() if name not in {"COLUMNS", "LINES"}}
    with subprocess.Popen(
        [*command, *arguments], stdin=theirs, stdout=theirs, stderr=errors, env=widths | {"TERM": "xterm"}
    ) as process:
        os.close(theirs)
        printed = b""
        with suppress(OSError):  # as a terminal says that nobody writes to it any more
            while part := os.read(ours, 65536):
                printed += part
        complaint = process.stderr.read().decode() if process.stderr else printed.decode()
    os.close(ours)
    assert process.returncode == 0, complaint
    return STYLES.sub("", printed.decode()).replace("\r\n", "\n").splitlines()
