"""The user of an installation on one machine: who sits at it."""

import json
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from emprops.kit.private_files import write_private


def local_user(data_dir: Path) -> str:
    """Return the id of this installation's user, made on the first call."""
    path = data_dir / "local.json"
    with suppress(FileNotFoundError, ValueError, KeyError):
        return str(json.loads(path.read_text())["user_id"])
    user_id = str(uuid4())
    data_dir.mkdir(parents=True, exist_ok=True)
    write_private(path, {"user_id": user_id})
    return user_id
