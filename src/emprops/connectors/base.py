"""What a connector is: the adapter between a claimed ticket and one service that can do the work.

Third parties add one under the entry-point group ``emprops.connectors``; see ``docs/how-to/write-a-connector.md``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from emprops.queue.messages import Ticket


@dataclass(frozen=True, slots=True)
class Produced:
    """A file a connector made. ``content`` is bytes, or a path of a temporary file that the worker takes over."""

    name: str
    mime_type: str
    content: bytes | Path
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a successful run gave: files and small JSON data (for text results the key ``text``)."""

    files: Sequence[Produced] = ()
    data: dict[str, Any] = field(default_factory=dict)


class ConnectorError(Exception):
    """A run failed. The subclass says whether another try may help; ``details`` is shown to the caller as is."""

    kind: ClassVar[str] = "final"

    def __init__(
        self, message: str, *, details: dict[str, Any] | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})
        self.retry_after = retry_after


class RetryableError(ConnectorError):
    """The service was away, busy or broke off: the same ticket may work later, here or elsewhere."""

    kind = "retryable"


class FinalError(ConnectorError):
    """The service refused or failed in a way that a repetition cannot mend."""

    kind = "final"


class BadInputError(ConnectorError):
    """The ticket's payload is not something this connector can run; the sentence names the field."""

    kind = "bad_input"


def too_large(what: str, limit: int) -> FinalError:
    """Make the error of a result that has more bytes than this worker takes (``Settings.max_result_bytes``)."""
    return FinalError(
        f"{what} is larger than the {limit} bytes that this worker takes (EMPROPS_MAX_RESULT_BYTES).",
        details={"code": "result_too_large", "limit": limit},
    )


@dataclass(frozen=True, slots=True)
class Health:
    """Answer of :meth:`Connector.check`."""

    ok: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the service offers beyond the job type; ``None`` in a list's place means it does not matter."""

    models: tuple[str, ...] | None = None
    """Model files present; None: every model requirement is met (hosted services)."""
    custom_nodes: tuple[str, ...] | None = None
    extra: dict[str, str] = field(default_factory=dict)
    catalogue: bytes = b""
    """What graphs can be made of here (``connectors/comfyui/catalogue.py``), for converting saved workflows."""


class RunContext(Protocol):
    """What the worker lends to a run."""

    def progress(self, percent: float, message: str = "") -> None:
        """Report the run's progress, 0–100. Cheap, callable from any thread, throttled and made monotonic here."""

    @property
    def shows_previews(self) -> bool:
        """Whether previews can be seen; a service need not be asked for them otherwise."""

    def preview(self, content: bytes | str, mime_type: str = "text/plain", node: str = "") -> None:
        """Show what is being made: a picture in any size, or the text so far, in place of the one before.

        Cheap, callable from any thread; throttled, and made small, here. What cannot be shown is passed over.
        """

    async def fetch(self, url: str, *, max_bytes: int | None = None) -> tuple[Path, str]:
        """Bring an input file to this machine: ``(path, mime type)``.

        A URL of the platform's own storage is read directly and a ``data:`` URL decoded; any other goes through the
        guarded HTTP client.
        Raises :class:`BadInputError` when it cannot be fetched or is larger than ``max_bytes``.
        """

    @property
    def remembered(self) -> Mapping[str, Any] | None:
        """What an earlier attempt at this step said to :meth:`remember`, on this worker or another; None if nothing.

        Check it like an answer of the service: another version of the connector may have written it.
        """

    async def remember(self, work: Mapping[str, Any] | None) -> None:
        """Remember work that was begun at the service, so that the next attempt goes on waiting for it instead of
        beginning, and paying for, it again. Returns once that is stored, or after ten seconds if the queue is away.

        ``work``: a JSON object of at most 4 KiB, such as the id of a task; it takes the place of what was remembered
        before. None: forget it, because the work ended or is lost. No addresses and no keys: workers send their keys to
        where the payload says. Raises ``ValueError`` for what cannot be stored.
        """

    @property
    def folder(self) -> Path:
        """A temporary folder of this run, removed afterwards."""

    @property
    def cancelled(self) -> Callable[[], bool]:
        """True once the run should stop: for code in threads. Coroutines are cancelled as usual."""


class Connector(Protocol):
    """One service. ``run`` is cancelled like any coroutine; it then stops exactly this piece of work and re-raises."""

    name: ClassVar[str]
    job_types: frozenset[str]

    async def check(self) -> Health:
        """Say whether the service can take work now."""

    async def capabilities(self) -> Capabilities:
        """Say which models and node classes are there."""

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """Do the work. Raises a :class:`ConnectorError` subclass on failure."""

    async def close(self) -> None:
        """Return connections."""
