"""Files that only the user who runs the process may read."""

import json
import os
from pathlib import Path


def write_private(path: Path, content: object) -> None:
    """Write JSON to a file only its owner may read; readers see the old content or the new one."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(content, stream)
    unfinished.replace(path)
