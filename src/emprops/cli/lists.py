"""``emprops jobs`` and ``emprops queue``: what is going on."""

import asyncio
from typing import Annotated

import typer

from emprops.cli.client import find_server
from emprops.cli.direct import redis_url
from emprops.cli.exits import read_settings
from emprops.cli.tables import show, table
from emprops.kit.redis import connect
from emprops.observe.service import Sight, look


def jobs(
    status: Annotated[str | None, typer.Option(help="Only pending, processing, completed or failed ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: Annotated[str | None, typer.Option(help="Address of the api.")] = None,
    user: Annotated[str | None, typer.Option(help="User id whose jobs to list.")] = None,
) -> None:
    """List the newest jobs."""
    query = {"limit": limit} | ({"status": status} if status else {})
    found = find_server(server, user).call("GET", "/api/jobs", params=query)
    rows = table("job", "status", "progress", "created", "name", "result")
    for job in found:
        progress = f"{job['progress'] or 0:.0f} %"
        result = job["workflow_output"] or job["error_message"] or ""
        rows.add_row(job["id"], job["status"], progress, job["created_at"][:19], job["name"], result)
    show(rows, "No jobs yet.")


def queue() -> None:
    """Show what waits and runs, by what it needs, and how many workers that calls for."""
    sight = asyncio.run(_seen())
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
