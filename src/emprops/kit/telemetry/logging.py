"""Logs: structlog, set up once per process; the standard library's loggers come out in the same form."""

import logging
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

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
        structlog.contextvars.merge_contextvars,
        add_ids,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        # what nobody will read is dropped before it is made
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    rendering: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
        if settings.log_json
        # the default traceback shows the values of variables, and with them whatever a user sent
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
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


def about(values: Mapping[str, str]) -> None:
    """Add values to every log line of this task from now on. For tasks that come by the thousand: it costs them little,
    whether they log or not."""
    _about.set(values)


def bound(**values: Any) -> AbstractContextManager[Any]:
    """Add values (``job_id``, ``request_id`` …) to every log line of the block."""
    return structlog.contextvars.bound_contextvars(**values)
