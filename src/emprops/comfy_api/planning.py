"""The one step of a submission, and the collection it belongs to. Pure.

Every user has one collection for what comes through this door. It holds no recipe: each job brings its own, so that
nothing of it can be run in another way (docs/decisions/0050-comfy-api.md).
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import orjson

from emprops.comfy_api import graphs
from emprops.comfy_api.failures import WorkflowError
from emprops.credits.prices import FREE, StepPrice
from emprops.kit.ids import new_id
from emprops.orchestrator.policing import check_step
from emprops.orchestrator.start.node_classes import NodeClassMissingError, required
from emprops.orchestrator.start.plan import MAX_PAYLOAD_BYTES, Generation, Plan, PlannedStep
from emprops.policies.rules import Rules
from emprops.queue.messages import Requirements
from emprops.workflows.comfy_graph import Graph, models_of, node_classes
from emprops.workflows.machines import JOB_TYPE, Machines

TITLE = "Comfy API"
NAMESPACE = UUID("5d4cc5e1-3f2a-5a7e-9d5c-1f3e2c8b7a90")
EMPTY: Mapping[str, Any] = {"version": "v2", "steps": [], "variables": [], "generations": {"generations": 1}}
"""The data of such a collection."""


def collection_id_of(user_id: UUID) -> UUID:
    """Return the id of the collection that a user's submissions belong to."""
    return uuid5(NAMESPACE, f"collection/{user_id}")


def plan_of(
    graph: Graph,
    urls: Mapping[UUID, str],
    more: Mapping[str, Any],
    *,
    user_id: UUID,
    rules: Rules,
    machines: Machines,
) -> Plan:
    """Plan a job that runs this graph. ``urls``: where its assets are; ``more``: what else its worker must know.

    Raises :class:`WorkflowError` if it is too large, or live machines lack its node classes, and what the policies of
    the job type raise: who brings a graph builds on it.
    """
    payload: dict[str, Any] = {"workflow": graphs.resolved(graph, urls), "texts": "files", **more}
    if len(orjson.dumps(payload)) > MAX_PAYLOAD_BYTES:
        raise WorkflowError(f"The workflow is larger than the {MAX_PAYLOAD_BYTES // 1024} KiB that a job may have.")
    requirements = _requirements(graph, machines)
    check_step(rules, TITLE, JOB_TYPE, payload, requirements.models, (user_id,))
    step = PlannedStep(
        id=new_id(),
        key=1,
        generation=0,
        order=1,
        name=TITLE,
        job_type=JOB_TYPE,
        payload=payload,
        depends_on=(),
        is_result=True,
        requirements=requirements,
        output_mime_type="image/png",
        builders=(user_id,),
    )
    price = StepPrice(step.key, 0, TITLE, FREE.at_least(rules.floor(JOB_TYPE)), step.order)
    digest = hashlib.sha256(orjson.dumps(graph, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Plan((step,), (Generation(digest, {}),), (), (price,))


def _requirements(graph: Graph, machines: Machines) -> Requirements:
    """Return what a machine must have: the node classes that some lack, and the models that one of them has. A model
    that none has is left to ComfyUI, which says so: a graph may name files by inputs that only its nodes understand."""
    offered: set[str] = set().union(*(offer.models or () for offer in machines.offers))
    named = {name for use in models_of(graph) for name in use.names if name in offered}
    wanted = Requirements(models=tuple(sorted(named)))
    if not any(named <= (offer.models or named) for offer in machines.offers):
        wanted = Requirements()
    try:
        return required(TITLE, JOB_TYPE, {"workflow": graph}, wanted, machines)
    except NodeClassMissingError:
        raise graphs.lacking(graph, machines.lacking(node_classes(graph), wanted)) from None
