"""Compiled modules are kept, even where the environment says that Python shall write none next to the sources: the
suite starts hundreds of processes, and each would compile the same thousands of modules for seconds."""

import os
import sys
from pathlib import Path

KEPT = Path(__file__).parents[1] / ".pytest_cache" / "bytecode"

if sys.dont_write_bytecode:
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(KEPT)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(KEPT)
