"""A connector that does nothing at once, for benchmarks of the queue and for tests of what happens around a run."""

from typing import Any, ClassVar

from emprops.connectors.base import (
    BadInputError,
    Capabilities,
    ConnectorError,
    FinalError,
    Health,
    Outcome,
    RetryableError,
    RunContext,
)
from emprops.queue.messages import Ticket

ERRORS: dict[str, type[ConnectorError]] = {error.kind: error for error in (RetryableError, FinalError, BadInputError)}


class NoopConnector:
    """Job type ``noop``; the payload says how it ends.

    ``error: {kind, message}`` fails that way (kinds as in the connector protocol); else ``result`` is echoed into the
    data, ``text`` becomes the text result, and without both the data is ``{"ok": true}``.
    """

    name: ClassVar[str] = "noop"

    def __init__(self, settings: object = None) -> None:
        del settings
        self.job_types = frozenset({"noop"})

    async def check(self) -> Health:
        """Always ready."""
        return Health(ok=True)

    async def capabilities(self) -> Capabilities:
        """Every model requirement counts as met."""
        return Capabilities()

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """End as the payload says."""
        error = ticket.payload.get("error")
        if isinstance(error, dict):
            kind = ERRORS.get(str(error.get("kind", "final")))
            if kind is None:
                raise BadInputError(f"error.kind must be one of {', '.join(ERRORS)}.")
            raise kind(str(error.get("message", "Asked to fail.")))
        data: dict[str, Any] = {"ok": True}
        for key in ("text", "result"):
            if key in ticket.payload:
                data[key] = ticket.payload[key]
        context.progress(100.0)
        return Outcome(data=data)

    async def close(self) -> None:
        """Nothing to give back."""
