"""This process's metrics as text: what it counted, and what it reads for the scrape."""

import asyncio
from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from emprops.kit.remembered import Remembered
from emprops.kit.telemetry.metrics import REGISTRY
from emprops.kit.web.endpoint import Resources
from emprops.observe.readings import Lookout, read_all
from emprops.observe.service import lookout

BELIEVED = 1.0
"""Seconds for which readings are shown again: any number of scrapers costs the engines as much as one."""


class _Everything(Collector):
    def __init__(self, readings: Iterable[Metric]) -> None:
        self.readings = readings

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()
        yield from self.readings


class Exposition:
    """The metrics of an api process."""

    def __init__(self) -> None:
        self.lookout: Lookout = lookout()
        self._readings: Remembered[Resources, list[Metric]] = Remembered(
            lambda resources: read_all(resources, self.lookout), BELIEVED
        )

    async def text(self, resources: Resources, accept: str) -> tuple[bytes, str]:
        """Return the metrics and their content type, in the format that ``accept`` prefers."""
        encode, content_type = choose_encoder(accept)
        readings = await self._readings.get(resources)
        return await asyncio.to_thread(encode, _Everything(readings)), content_type
