"""What this worker's connectors have to offer: asked at the start, and again all the time it runs.

A service that is away offers nothing, so its steps wait for it instead of failing, and say so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from emprops.connectors.base import Capabilities, Connector, ConnectorError
from emprops.queue.matching import Offer, WorkerOffers

log = structlog.get_logger(__name__)

INTERVAL = 20.0
"""Seconds between two surveys."""
SHOWING_INTERVAL = 5.0
"""Seconds between two times that a worker says its node catalogue still counts."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What all connectors said at one time."""

    offers: WorkerOffers
    health: Mapping[str, str]
    """Connector name -> ``ok`` or what is wrong with it."""
    catalogues: frozenset[bytes] = frozenset()
    """What graphs can be made of here."""


async def survey(connectors: Mapping[str, Connector]) -> Survey:
    """Ask each connector (given by job type) how it is and what it has."""
    offers: dict[str, Offer] = {}
    health: dict[str, str] = {}
    catalogues: set[bytes] = set()
    for connector in {connector.name: connector for connector in connectors.values()}.values():
        health[connector.name] = await _health_of(connector)
        try:
            found = await connector.capabilities()
        except (ConnectorError, OSError) as error:
            health[connector.name] = str(error) or type(error).__name__
            continue
        offer = _offer_of(found)
        offers |= {job_type: offer for job_type, served_by in connectors.items() if served_by is connector}
        catalogues |= {found.catalogue} - {b""}
    return Survey(offers, health, frozenset(catalogues))


async def keep_surveying(
    connectors: Mapping[str, Connector],
    known: Survey,
    tell: Callable[[Survey], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Survey again and again, and tell of each change."""
    while True:
        await pause(INTERVAL)
        try:
            found = await survey(connectors)
        except Exception:
            log.exception("a connector could not say what it has; the last answer stands")
            continue
        if found != known:
            gone, come = known.offers.keys() - found.offers.keys(), found.offers.keys() - known.offers.keys()
            log.info("offers changed", gone=sorted(gone), come=sorted(come), health=dict(found.health))
            known = found
            tell(found)


async def keep_showing(
    known: Callable[[], Survey],
    show: Callable[[bytes], Awaitable[None]],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Show the catalogues that are known, again and again: what nobody shows any more is forgotten."""
    while True:
        for packed in known().catalogues:
            try:
                await show(packed)
            except (RedisError, OSError) as error:
                log.warning("the node catalogue could not be shown", error=str(error))
        await pause(SHOWING_INTERVAL)


def _offer_of(found: Capabilities) -> Offer:
    return Offer(
        models=None if found.models is None else frozenset(found.models),
        custom_nodes=None if found.custom_nodes is None else frozenset(found.custom_nodes),
        capabilities=tuple(sorted(found.extra.items())),
    )


async def _health_of(connector: Connector) -> str:
    health = await connector.check()
    return "ok" if health.ok else health.message or "not available"
