"""``emprops queue``: what waits and runs."""

import asyncio
from dataclasses import asdict

import typer

from emprops.cli.direct import redis_url
from emprops.cli.exits import read_settings
from emprops.cli.tables import JsonOption, print_json, show, table
from emprops.kit.redis import connect
from emprops.observe.service import Sight, look


def queue(as_json: JsonOption = False) -> None:
    """Show what waits and runs, by what it needs, and how many workers that calls for."""
    sight = asyncio.run(_seen())
    if as_json:
        print_json([{**one.requirement, "demand": asdict(one.demand)} for one in sight.capabilities])
        return
    rows = table("job type", "needs", "waiting", "oldest", "running", "workers", "free slots", "wanted")
    for one in sight.capabilities:
        needs = one.requirement
        values = (f"{name}={value}" for name, value in needs.get("connector_capabilities", {}).items())
        parts = [*needs.get("models", ()), *needs.get("custom_nodes", ()), *values]
        demand = one.demand
        figures = (demand.running, demand.workers, demand.free_slots, demand.wanted_workers)
        oldest = f"{demand.oldest_wait:.0f} s" if demand.waiting else ""
        rows.add_row(needs["job_type"], ", ".join(parts), str(demand.waiting), oldest, *map(str, figures))
    show(rows, "Nothing waits and nothing runs.")
    found = sight.queue
    if found.delayed or found.dead:
        typer.echo(f"{found.delayed} wait for their next try; {found.dead} were given up in the last 30 days.")


async def _seen() -> Sight:
    """Look at the queue and the fleet of the Redis that is set, or of what runs on this data folder."""
    settings = read_settings()
    redis = connect(redis_url(settings))
    try:
        return await look(redis, settings.queue_prefix)
    finally:
        await redis.aclose()
