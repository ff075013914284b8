"""Logs: structlog, set up once per process; the standard library's loggers come out in the same form.

Our own lines do not pass through the standard library, with which they would take three times as long.
"""

import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from emprops.kit.telemetry import tracing
from emprops.settings import Settings

_about: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039 - nobody writes into it
QUIET = ("httpx2", "httpcore2", "asyncio", "uvicorn.access", "uvicorn.websocket")
"""Loggers of which only warnings matter: requests are logged by ``kit/web/asgi.py``."""


def configure_logging(settings: Settings, **always: str) -> None:
    """Send every log line to stderr: one JSON object each, or coloured text for people (``log_json`` off).

    ``always`` is on every line, from whichever thread; so are the ids of the trace, where there is one.
    """

    def add_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**always, **_about.get(), **tracing.ids(), **event}

    shared: list[Processor] = [
        add_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    rendering: list[Processor] = (
        [structlog.processors.format_exc_info, _as_json]
        if settings.log_json
        # the default traceback shows the values of variables, and with them whatever a user sent
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    lines = _Lines()
    structlog.configure(
        processors=[*shared, *rendering],
        logger_factory=lambda *_: lines,
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


class _Lines:
    """Writes lines to stderr, each at once. That nobody reads them any more is no error of who writes them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may come, and be logged, while a line is written

    def msg(self, line: str) -> None:
        """Write one line."""
        # the last error: a signal came while a line was written
        with self._lock, suppress(OSError, ValueError, RuntimeError):
            sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = msg


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:  # half a character, or a larger integer
        return json.dumps(event, default=str)


def about(values: Mapping[str, str]) -> None:
    """Add values to every log line of this task from now on. For tasks that come by the thousand: it costs them little,
    whether they log or not."""
    _about.set(values)


def known(name: str) -> str | None:
    """Return a value that is on every log line now."""
    return _about.get().get(name)


@contextmanager
def bound(**values: str) -> Iterator[None]:
    """Add values (``job_id``, ``request_id`` …) to every log line of the block."""
    token = _about.set({**_about.get(), **values})
    try:
        yield
    finally:
        _about.reset(token)
