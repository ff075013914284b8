"""How the processes that run for long begin: with settings, and with a log that says what is odd about them."""

import structlog

from emprops.cli.exits import read_settings
from emprops.kit.telemetry.logging import configure_logging
from emprops.settings import Settings

log = structlog.get_logger(__name__)


def serving_settings() -> Settings:
    """Read the settings and set up logging; ends the process as :func:`~emprops.cli.exits.read_settings` does."""
    warnings: list[str] = []
    settings = read_settings(warnings.append)
    configure_logging(settings)
    for sentence in warnings:
        log.warning(sentence)
    return settings
