"""Shapes of what is shown of the queue."""

from typing import Any

from pydantic import ConfigDict

from emprops.kit.web.schema import Schema
from emprops.observe.demand import Capability, Demand
from emprops.observe.service import Sight

FIGURES: dict[str, Any] = {
    "waiting": 4,
    "running": 1,
    "oldest_wait": 12.5,
    "longest_run": 31.0,
    "workers": 1,
    "free_slots": 0,
    "limited": 0,
    "wanted_workers": 5,
}
REQUIREMENT: dict[str, Any] = {
    "job_type": "comfyui",
    "models": ["sd_xl_base_1.0.safetensors"],
    "custom_nodes": [],
    "connector_capabilities": {},
}


class DemandFigures(Schema):
    """What waits and runs, and what there is to run it."""

    waiting: int
    running: int
    oldest_wait: float
    """Seconds since when the ticket waits that waits longest."""
    longest_run: float
    """Seconds since when the step runs that runs longest."""
    workers: int
    """Live workers that claim and can run it."""
    free_slots: int
    """Steps that those could run in addition. Requirements that the same workers can run share these."""
    limited: int
    """Of those waiting, steps that may not begin now, however many workers there are: enough of their job type runs in
    the fleet, or has begun in this minute."""
    wanted_workers: int
    """(waiting - limited + running) / slots of one worker, rounded up."""


class RequirementDemand(DemandFigures):
    """The same of one requirement."""

    model_config = ConfigDict(json_schema_extra={"example": {**REQUIREMENT, **FIGURES}})

    job_type: str
    models: list[str]
    custom_nodes: list[str]
    connector_capabilities: dict[str, str]

    @classmethod
    def of(cls, one: Capability) -> "RequirementDemand":
        """Show one."""
        return cls.model_validate({**one.requirement, **_figures(one.demand)})


class DemandView(DemandFigures):
    """What is asked of workers."""

    model_config = ConfigDict(
        json_schema_extra={"example": {**FIGURES, "held_back": 0, "requirements": [{**REQUIREMENT, **FIGURES}]}}
    )

    held_back: int
    """Steps of these job types that quotas keep out of the queue until others have ended; in no other figure."""
    requirements: list[RequirementDemand]
    """Those with something waiting or running, what waits for most first; at most 200."""

    @classmethod
    def of(cls, demand: Demand, chosen: list[Capability], held_back: int) -> "DemandView":
        """Show a choice of requirements."""
        requirements = [RequirementDemand.of(one) for one in chosen]
        return cls.model_validate({**_figures(demand), "held_back": held_back, "requirements": requirements})


class QueueView(DemandView):
    """The whole queue. ``GET /api/workers`` shows who works on it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **FIGURES,
                "held_back": 0,
                "requirements": [{**REQUIREMENT, **FIGURES}],
                "delayed": 0,
                "dead": 0,
                "reports": 0,
            }
        }
    )

    delayed: int
    """Tickets that wait for their next try."""
    dead: int
    """Dead letters of the last 30 days."""
    reports: int
    """Entries of reports that no orchestrator has dealt with."""

    @classmethod
    def of_sight(cls, sight: Sight, demand: Demand, most: int) -> "QueueView":
        """Show all there is."""
        return cls.model_validate(
            {
                **_figures(demand),
                "held_back": sum(sight.queue.held_back.values()),
                "requirements": [RequirementDemand.of(one) for one in sight.capabilities[:most]],
                "delayed": sight.queue.delayed,
                "dead": sight.queue.dead,
                "reports": sight.queue.reports,
            }
        )


def _figures(demand: Demand) -> dict[str, float]:
    return {name: round(getattr(demand, name), 3) for name in FIGURES}
