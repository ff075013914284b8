"""From collections and variables to plans, with what the database knows of workflows and policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from emprops.collections import instructions
from emprops.collections.store import Collection
from emprops.credits.prices import PriceError, price_of_collection
from emprops.errors import AppError, CollectionCorruptedError, ConflictError, InvalidVariablesError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.media.result_links import ResultLinks
from emprops.orchestrator.files import hold_assets
from emprops.orchestrator.policing import Policing
from emprops.orchestrator.result_inputs import check_results, hold_results
from emprops.orchestrator.start.known import Known
from emprops.orchestrator.start.node_classes import placed
from emprops.orchestrator.start.origin import origin_of
from emprops.orchestrator.start.plan import Plan, make_plan
from emprops.orchestrator.start.request import Chosen
from emprops.policies import queries as policies
from emprops.policies.rules import Rules
from emprops.workflows import store as workflows
from emprops.workflows.store import Workflow


@dataclass(frozen=True, slots=True)
class Planned:
    """A new job with its plan."""

    job: Chosen
    plan: Plan
    files: set[UUID]
    """The assets that it takes; they stay until the transaction ends."""


async def plan_all(
    tx: Transaction, jobs: Sequence[Chosen], known: Known, links: ResultLinks
) -> list[Planned | AppError]:
    """Plan new jobs; an error in the place of one that cannot start. Writes nothing."""
    answers: list[Planned | AppError] = []
    for job in jobs:
        try:
            plan = _plan_of(job, known.workflows, known.rules)
            payloads, variables, maker = (
                [step.payload for step in plan.steps],
                job.request.variables,
                job.collection.user_id,
            )
            files = await hold_assets(tx, job.user_id, maker, variables, payloads)
            await hold_results(tx, links, job.user_id, payloads)
            await check_results(tx, links, job.user_id, maker, variables, payloads)
            answers.append(Planned(job, plan, files))
        except AppError as error:
            answers.append(error)
    return answers


async def plan_generation(tx: Transaction, collection: Collection, variables: Mapping[str, Any]) -> Plan:
    """Validate the collection's data and plan its steps with these variables. Writes nothing."""
    return (await plan_with_workflows(tx, collection, variables))[0]


async def plan_with_workflows(
    tx: Transaction, collection: Collection, variables: Mapping[str, Any], generations: int | None = None
) -> tuple[Plan, dict[str, Workflow]]:
    """Do the same; returns the workflows it was made from, too. ``generations``: how many, if not as the collection
    says."""
    known = await workflows.by_names(tx, instructions.workflow_names(collection.data))
    return _plan(_counted(collection, generations), variables, known, await policies.rules(tx)), known


def _plan_of(job: Chosen, known: Mapping[str, Workflow], rules: Rules) -> Plan:
    request, collection = job.request, job.collection
    if request.direct is not None:
        return request.direct.plan
    names = instructions.workflow_names(collection.data)
    used = {name: known[name] for name in names if name in known}
    plan = _plan(_counted(collection, request.generations), request.variables, used, rules)
    checked = request.cleared.origin
    if checked is not None and checked != origin_of(collection, used, request.variables):
        raise ConflictError("The collection was changed while this was being checked; try again.")
    plan = placed(plan, request.machines)
    if request.strict and plan.unknown:
        raise InvalidVariablesError(plan.unknown)
    return plan


def _counted(collection: Collection, generations: int | None) -> Collection:
    data = instructions.counted(collection.data, generations)
    return collection if data is collection.data else replace(collection, data=data)


def _plan(collection: Collection, variables: Mapping[str, Any], known: Mapping[str, Workflow], rules: Rules) -> Plan:
    policing = Policing(rules, maker=collection.user_id)
    plan = make_plan(collection=collection, workflows=known, variables=variables, new_id=new_id, policing=policing)
    try:
        each = price_of_collection(collection.price, collection.blockchain)
    except PriceError as error:
        raise CollectionCorruptedError([f"the collection's price: {error}"]) from None
    return replace(plan, own_price=each * len(plan.generations)) if each else plan
