"""``emprops queue``: what waits and runs."""

from dataclasses import asdict
from typing import Annotated, Any

from emprops.cli.direct import with_redis
from emprops.cli.output import json_option, print_json, say
from emprops.cli.tables import Column, show
from emprops.cli.times import seconds
from emprops.observe.demand import Capability
from emprops.observe.service import look

COLUMNS = (
    Column("job type"),
    Column("needs", least=8),
    Column("waiting", right=True),
    Column("oldest", seconds, right=True),
    Column("running", right=True),
    Column("workers", right=True),
    Column("free", right=True, rank=1),
    Column("wanted", right=True),
)
FIELDS = (
    "`delayed`, `dead`, `held_back` (by job type) and, in `requirements`, for each kind of step `job_type`, `models`,"
    " `custom_nodes`, `connector_capabilities`, `waiting`, `running`, `oldest_wait`, `longest_run`, `workers`,"
    " `free_slots`, `limited`, `wanted_workers`"
)


def queue(as_json: Annotated[bool, json_option(FIELDS)] = False) -> None:
    """Show what waits and runs, by what it needs, and how many workers that calls for.

    Oldest is how long the longest of those waiting has waited; free is how many
    such steps more the live workers could run now.
    """
    sight = with_redis(lambda redis, settings: look(redis, settings.queue_prefix))
    found = sight.queue
    if as_json:
        parts = [{**one.requirement, **asdict(one.demand)} for one in sight.capabilities]
        held = dict(found.held_back)
        print_json({"delayed": found.delayed, "dead": found.dead, "held_back": held, "requirements": parts})
        return
    show(COLUMNS, [_row(one) for one in sight.capabilities], empty="Nothing waits and nothing runs.")
    if found.delayed:
        say(f"Waiting for their next try: {found.delayed}.")
    if limited := sum(one.demand.limited for one in sight.capabilities):
        say(f"Waiting for a limit of their job type: {limited}; see `emprops policies`.")
    if held_back := sum(found.held_back.values()):
        say(f"Held back by quotas: {held_back}; see `emprops quotas`.")
    if found.dead:
        say(f"Given up in the last 30 days: {found.dead}; see `emprops dead-letters`.")


def _row(one: Capability) -> tuple[Any, ...]:
    needs, demand = one.requirement, one.demand
    values = (f"{name}={value}" for name, value in needs.get("connector_capabilities", {}).items())
    parts = [*needs.get("models", ()), *needs.get("custom_nodes", ()), *values]
    oldest = round(demand.oldest_wait, 1) if demand.waiting else None
    figures = (demand.running, demand.workers, demand.free_slots, demand.wanted_workers)
    return needs["job_type"], ", ".join(parts), demand.waiting, oldest, *figures
