"""Evaluates jq expressions in a process of its own: no environment, no files, bounded memory and time.

jq reads the environment (``$ENV``) and files (``import``), loops for ever and fills memory, and its expressions come
from the author of the workflow. ``expressions.py`` starts this file as a script and talks to it over pipes: a frame is
four bytes of length and that many bytes. Two frames in (expressions by name, the document), one frame out.
"""

import itertools
import json
import resource
import signal
import struct
import sys

import jq

MEMORY = 1024**3
SECONDS = 5
MAX_VALUES = 1000
"""An expression may go on for ever giving values."""


def main() -> None:
    """Answer until the other side closes."""
    # No file can be opened from here on: there is no number left that it could get.
    for limit, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 0)):
        resource.setrlimit(limit, (value, value))
    while True:
        raw = _read()
        if raw is None:
            return
        document = _read() or b"null"
        # The default action ends the process, also in the middle of jq.
        signal.alarm(SECONDS)
        found = {name: _evaluate(text, document.decode()) for name, text in json.loads(raw).items()}
        encoded = f"{{{','.join(f'{json.dumps(name)}:{result}' for name, result in found.items())}}}".encode()
        signal.alarm(0)
        sys.stdout.buffer.write(struct.pack(">I", len(encoded)) + encoded)
        sys.stdout.buffer.flush()


def _evaluate(expression: str, document: str) -> str:
    """Evaluate an expression; return ``{"values": […]}`` or ``{"error": …}`` as JSON.

    The values are written by jq, which keeps whole numbers as they were; as Python objects they would be rounded to
    floats.
    """
    try:
        jq.compile(expression)  # alone first: it must not be completed by what is put around it
        program = jq.compile(f"({expression}\n) | tojson")
        values = itertools.islice(program.input_text(document), MAX_VALUES)
        return f'{{"values":[{",".join(values)}]}}'
    except (ValueError, MemoryError) as error:
        return json.dumps({"error": str(error)[:300] or type(error).__name__})


def _read() -> bytes | None:
    head = sys.stdin.buffer.read(4)
    return sys.stdin.buffer.read(struct.unpack(">I", head)[0]) if len(head) == 4 else None


if __name__ == "__main__":
    main()
