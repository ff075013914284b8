"""The states of an output and who may change them. Pure.

::

    pending ──job starts──► processing
       │  ▲                     │
       │  └──job is retried──┐  │
       │                     │  │
       ├─────fail────────────┼──┴──► failed ──┐
       │                     └─────────┘      │
       └─────complete──────► completed ◄──complete (late success)

    Any state becomes hidden by deletion. What its owner hid can be brought back and is then as if it had not been
    hidden; what was hidden by others stays hidden (:data:`HiddenBy`). Completed stays completed: completing it again
    replaces what was sent with it, failing it changes nothing. A job that ends, starts or is retried does this to all
    its outputs, except that hidden ones stay hidden.

Every write is one conditional ``UPDATE`` on these sets, and the table's CHECK constraint repeats the words.
"""

from enum import StrEnum
from typing import Final, Literal


class OutputStatus(StrEnum):
    """Status of an output."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    HIDDEN = "hidden"


OUTPUT_TRANSITIONS: Final = {
    OutputStatus.PENDING: frozenset(OutputStatus) - {OutputStatus.PENDING},
    OutputStatus.PROCESSING: frozenset({OutputStatus.COMPLETED, OutputStatus.FAILED, OutputStatus.HIDDEN}),
    OutputStatus.COMPLETED: frozenset({OutputStatus.COMPLETED, OutputStatus.HIDDEN}),
    OutputStatus.FAILED: frozenset({OutputStatus.PENDING, OutputStatus.COMPLETED, OutputStatus.HIDDEN}),
    OutputStatus.HIDDEN: frozenset(OutputStatus) - {OutputStatus.HIDDEN},
}
"""Status → statuses that may follow. The sets below are what each statement starts from, and are tested against it."""

BRING_BACK: Final = frozenset({OutputStatus.HIDDEN})
"""May become visible again, if its owner hid it. The statements below never start from here."""
START: Final = frozenset({OutputStatus.PENDING})
"""May become processing."""
FINISH: Final = frozenset({OutputStatus.PENDING, OutputStatus.PROCESSING, OutputStatus.FAILED})
"""May become completed by the end of the job."""
REPLACE: Final = FINISH | {OutputStatus.COMPLETED}
"""May become completed by its owner."""
FAIL: Final = frozenset({OutputStatus.PENDING, OutputStatus.PROCESSING})
"""May become failed."""
REOPEN: Final = frozenset({OutputStatus.FAILED})
"""May become pending again."""
VISIBLE: Final = frozenset(OutputStatus) - {OutputStatus.HIDDEN}
"""May be shown in lists and decks, and may become hidden."""

HiddenBy = Literal["owner", "operator", "time", "server"]
"""Who or what hid an output: its owner; an operator; the end of its time; or the server, because another output shows
the same result."""

Source = Literal["direct_api", "ai_terminal", "miniapp", "studio_component", "studio_workflow", "load_test", "unknown"]
"""Where a generation came from."""
