"""Plan what a stored collection says: read what that takes, and price it."""

from dataclasses import replace
from typing import Any

from emprops.collections import instructions
from emprops.collections.store import Collection
from emprops.credits.prices import PriceError, price_of_collection
from emprops.errors import CollectionCorruptedError
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.orchestrator.policing import Policing
from emprops.orchestrator.start.plan import Plan, make_plan
from emprops.policies import queries as policies
from emprops.workflows import store as workflows
from emprops.workflows.store import Workflow


async def plan_generation(tx: Transaction, collection: Collection, variables: dict[str, Any]) -> Plan:
    """Validate the collection's data and plan its steps with these variables. Writes nothing."""
    return (await plan_with_workflows(tx, collection, variables))[0]


async def plan_with_workflows(
    tx: Transaction, collection: Collection, variables: dict[str, Any], generations: int | None = None
) -> tuple[Plan, dict[str, Workflow]]:
    """Do the same; returns the workflows it was made from, too. ``generations``: how many, if not as the collection
    says."""
    collection = replace(collection, data=instructions.counted(collection.data, generations))
    known = await workflows.by_names(tx, instructions.workflow_names(collection.data))
    policing = Policing(await policies.rules(tx), maker=collection.user_id)
    plan = make_plan(collection=collection, workflows=known, variables=variables, new_id=new_id, policing=policing)
    try:
        each = price_of_collection(collection.price, collection.blockchain)
    except PriceError as error:
        raise CollectionCorruptedError([f"the collection's price: {error}"]) from None
    return replace(plan, own_price=each * len(plan.generations)), known
