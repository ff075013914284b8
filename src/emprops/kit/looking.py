"""Tasks that look at the database for many who listen: again and again, whatever goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from emprops.kit.database_errors import UNAVAILABLE
from emprops.kit.outage import Outage

log = structlog.get_logger(__name__)

AFTER_FAILURE: Final = 1.0
"""Seconds until the next look after one that failed."""


async def look_for_ever(look: Callable[[], Awaitable[None]], outage: Outage, *, pause: float, failed: str) -> None:
    """Look, pause, and look again until cancelled. ``look`` waits for a reason by itself, and tells ``outage`` when the
    database has answered; that it does not is noted there. Any other failure is logged as the event ``failed``."""
    while True:
        try:
            await look()
        except UNAVAILABLE as error:
            outage.noticed(error)
            await asyncio.sleep(AFTER_FAILURE)
        except Exception:
            log.exception(failed)
            await asyncio.sleep(AFTER_FAILURE)
        else:
            if pause:
                await asyncio.sleep(pause)


async def news_or_time(news: asyncio.Event, moment: float | None) -> None:
    """Wait for news, at most until a moment on the event loop's clock; None: for as long as it takes."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(moment):
            await news.wait()
