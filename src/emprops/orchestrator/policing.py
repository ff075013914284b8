"""What the policies of job types say about the steps of a job: when it is planned, and once their inputs are there."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from emprops.policies.measures import Measures, measured, of_graph, of_request
from emprops.policies.rules import FETCH_API, NO_RULES, Rules
from emprops.workflows import comfy_graph, job_types
from emprops.workflows.kinds.base import HeldValue, PlannedWork
from emprops.workflows.machines import JOB_TYPE as COMFYUI
from emprops.workflows.store import Workflow


@dataclass(frozen=True, slots=True)
class Policing:
    """The rules, and who made the collection that is planned."""

    rules: Rules = NO_RULES
    maker: UUID | None = None
    """Where a workflow leaves its job type to a field, the collection chooses it."""

    def admit(self, step: str, workflow: Workflow, work: PlannedWork | HeldValue) -> int:
        """Return the least that a planned step costs, in micro-credits; nothing for one that does not run.

        Raises :class:`~emprops.policies.rules.MayNotBuildError` and :class:`~emprops.policies.rules.PolicyLimitError`.
        """
        if isinstance(work, HeldValue) or not self.rules.by_place:
            return 0
        check_step(self.rules, step, work.job_type, work.payload, work.requirements.models, self.builders_of(workflow))
        return self.rules.floor(work.job_type, work.payload.get("api") if work.job_type == FETCH_API else None)

    def builders_of(self, workflow: Workflow) -> tuple[UUID, ...]:
        """Return who must be allowed to build what a step of a workflow runs; nobody for a service's."""
        makers = [self.maker] if job_types.is_left_to_field(workflow.type, workflow.data) else []
        return tuple(owner for owner in (workflow.user_id, *makers) if owner is not None)


FREE = Policing()
"""No policies."""


def check_step(
    rules: Rules,
    step: str,
    job_type: str,
    payload: Mapping[str, Any],
    models: Collection[str] = (),
    builders: Iterable[UUID] = (),
) -> None:
    """Raise :class:`~emprops.policies.rules.MayNotBuildError` if one of a step's builders may not build it, and
    :class:`~emprops.policies.rules.PolicyLimitError` if it asks for more than is allowed.

    ``models``: what it needs on a machine. Values that another step will give pass; check again once they are there.
    """
    api = payload.get("api") if job_type == FETCH_API else None
    for owner in builders:
        rules.check_start(owner, step, job_type, api)
    if rules.about(job_type, api):
        rules.check_limits(step, job_type, _asked(job_type, payload, models), api)


def _asked(job_type: str, payload: Mapping[str, Any], models: Collection[str]) -> Measures:
    if job_type == FETCH_API:
        return measured(of_request(payload), models)
    graph = payload.get("workflow")
    if job_type != COMFYUI or not isinstance(graph, dict):
        return measured(payload, models)
    uses = comfy_graph.models_of(graph)
    known = {name for use in uses for name in use.names}  # a requirement may name a file without its folder
    return measured(of_graph(graph), {*(use.name for use in uses), *set(models).difference(known)})
