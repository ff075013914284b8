"""Whether live machines can run the graphs of a plan, before anything is paid. Pure."""

from dataclasses import replace
from typing import Any

from emprops.errors import ConflictError
from emprops.orchestrator.start.plan import Plan, PlannedStep
from emprops.queue.messages import Requirements
from emprops.workflows.machines import JOB_TYPE, Machines

SHOWN_NAMES = 5


class NodeClassMissingError(ConflictError):
    """No live machine has the node classes of a step; ``details.node_classes`` names them."""

    code = "node_class_missing"

    def __init__(self, step: str, classes: list[str]) -> None:
        more = f" and {len(classes) - SHOWN_NAMES} more" if len(classes) > SHOWN_NAMES else ""
        super().__init__(
            f"No live worker has all node classes of {step}: {', '.join(classes[:SHOWN_NAMES])}{more} are missing."
            " Install their pack on a machine, or take the nodes out of the workflow.",
            extra={"details": {"step": step, "node_classes": classes}},
        )


def placed(plan: Plan, machines: Machines) -> Plan:
    """Return the plan with each graph required to go to a machine that has its node classes; see :func:`required`."""
    steps = tuple(_placed_step(step, machines) for step in plan.steps)
    return plan if steps == plan.steps else replace(plan, steps=steps)


def _placed_step(step: PlannedStep, machines: Machines) -> PlannedStep:
    wanted = required(step.name, step.job_type, step.payload, step.requirements, machines)
    return step if wanted is step.requirements else replace(step, requirements=wanted)


def required(name: str, job_type: str, payload: Any, requirements: Requirements, machines: Machines) -> Requirements:
    """Return what a step requires, with the node classes of its graph that some machine lacks.

    Raises :class:`NodeClassMissingError` if machines could take the step, and none of them has all of its classes. A
    step that no machine can take yet waits, and says what for.
    """
    graph = payload.get("workflow") if job_type == JOB_TYPE and isinstance(payload, dict) else None
    if not isinstance(graph, dict):
        return requirements
    classes = {node["class_type"] for node in graph.values()}
    lacking = machines.lacking(classes, requirements)
    if lacking:
        raise NodeClassMissingError(name, lacking)
    uncommon = machines.uncommon(classes, requirements)
    return replace(requirements, custom_nodes=tuple(sorted({*requirements.custom_nodes, *uncommon})))
