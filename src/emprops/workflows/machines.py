"""Which node classes the live machines with a ComfyUI have: workers say so in what they offer, remote ones too."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends
from redis.exceptions import RedisError
from starlette.requests import HTTPConnection

from emprops.kit.remembered import Remembered
from emprops.kit.web.endpoint import Resources, resources_of
from emprops.kit.web.parts import Part
from emprops.queue.fleet import Fleet
from emprops.queue.matching import Offer, missing
from emprops.queue.messages import NOTHING, Requirements
from emprops.workflows.comfy_graph import Graph
from emprops.workflows.editor.convert import Remark

log = structlog.get_logger(__name__)

JOB_TYPE = "comfyui"
NO_MACHINE = "no live machine has this node class"
TOGETHER = " together with the others"
REMEMBERED = 3.0
"""Seconds that a reading of the fleet counts."""
PATIENCE = 0.5
"""Seconds that it may take; a generation must not wait for a Redis that hangs."""


@dataclass(frozen=True, slots=True)
class Machines:
    """What live machines offer for graphs."""

    offers: tuple[Offer, ...] = ()

    def lacking(self, classes: Collection[str], requirements: Requirements = NOTHING) -> list[str]:
        """Return the classes that the machine lacks which comes nearest, of those that could take such a step.

        None if one has them all, or if there is no such machine: then a step waits until there is.
        """
        able = self._able(requirements)
        lacked = [] if any(nodes is None for nodes in able) else [set(classes) - (nodes or set()) for nodes in able]
        return sorted(min(lacked, key=len, default=()))

    def uncommon(self, classes: Collection[str], requirements: Requirements = NOTHING) -> set[str]:
        """Return the classes that some machine lacks which could take such a step."""
        return set().union(*(set(classes) - nodes for nodes in self._able(requirements) if nodes is not None))

    def remarks(self, graph: Graph) -> list[Remark]:
        """Return a remark for each node whose class no live machine has together with the graph's other classes."""
        lacked = set(self.lacking({node["class_type"] for node in graph.values()}))
        anywhere = set().union(*(offer.custom_nodes or () for offer in self.offers))
        return [
            Remark(node, kind, NO_MACHINE + (TOGETHER if kind in anywhere else ""))
            for node, kind in ((node, content["class_type"]) for node, content in graph.items())
            if kind in lacked
        ]

    def _able(self, requirements: Requirements) -> Sequence[frozenset[str] | None]:
        wanted = {"job_type": JOB_TYPE, **requirements.to_json()}
        return [offer.custom_nodes for offer in self.offers if not missing(wanted, {JOB_TYPE: offer})]


NO_MACHINES = Machines()
"""Nothing is known of any."""


async def read_machines(resources: Resources) -> Machines:
    """Read what live machines offer for graphs; nothing while Redis does not answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            workers = await Fleet(resources.redis, resources.settings.queue_prefix).workers()
    except (RedisError, OSError) as error:
        log.warning("node classes not checked", error=str(error))
        return NO_MACHINES
    return Machines(tuple({worker.offers[JOB_TYPE]: None for worker in workers if JOB_TYPE in worker.offers}))


def remembered_machines() -> Remembered[Resources, Machines]:
    """Make what an api process knows of live machines, once."""
    return Remembered(read_machines, REMEMBERED)


MACHINES: Part[Remembered[Resources, Machines]] = Part("machines")


async def live_machines(connection: HTTPConnection) -> Machines:
    """Return what live machines offer, as of a moment ago."""
    return await MACHINES.of(connection).get(resources_of(connection))


LiveMachines = Annotated[Machines, Depends(live_machines)]
"""Declare it before the transaction, which should not be open while Redis is asked."""
