"""What a plan is made from, in short: so that what was checked is what starts."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from emprops.collections.store import Collection
from emprops.workflows.store import Workflow


def origin_of(collection: Collection, workflows: Mapping[str, Workflow], variables: Mapping[str, Any]) -> str:
    """Return a digest of all that a plan follows from but chance and time."""
    used = [(name, workflows[name].type, workflows[name].data) for name in sorted(workflows)]
    content = [str(collection.id), collection.data, used, variables]
    return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
