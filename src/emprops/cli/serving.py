"""How the processes that run for long begin: with settings, and with a log that says what is odd about them."""

import resource
from contextlib import suppress
from typing import Final

import structlog

from emprops.cli.exits import read_settings
from emprops.kit.telemetry.logging import configure_logging
from emprops.settings import Settings

log = structlog.get_logger(__name__)

MOST_FILES: Final = 65_536
OTHER_FILES: Final = 500
"""What a process opens besides streams and WebSockets, and for requests that end at once."""


def serving_settings() -> Settings:
    """Read the settings and set up logging; ends the process as :func:`~emprops.cli.exits.read_settings` does."""
    warnings: list[str] = []
    settings = read_settings(warnings.append)
    configure_logging(settings)
    for sentence in warnings:
        log.warning(sentence)
    return settings


def allow_files(settings: Settings) -> None:
    """Let this process open as many files as the system allows: each connection is one.

    The limit that a process begins with is often 1024, for the sake of programs that could not use more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):  # some systems have a limit that they do not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    if soft != resource.RLIM_INFINITY and soft < settings.stream_limit + settings.socket_limit + OTHER_FILES:
        log.warning(
            f"This process may open {soft} files, fewer than EMPROPS_STREAM_LIMIT and EMPROPS_SOCKET_LIMIT allow"
            " connections: raise its limit (ulimit -n, LimitNOFILE=), or lower the settings."
        )
