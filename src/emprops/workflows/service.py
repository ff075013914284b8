"""What can be said about a workflow definition before it is stored or run."""

from typing import Any

from emprops.credits.prices import check_price
from emprops.workflows.kinds.registry import KINDS


def check(kind: str, data: Any) -> list[str]:
    """Tell everything that is wrong with a definition of that type, in sentences; nothing if it can be planned."""
    if kind not in KINDS:
        return [f"type must be one of {', '.join(KINDS)}, not {kind!r}"]
    return KINDS[kind].check(data) + check_price(data)
