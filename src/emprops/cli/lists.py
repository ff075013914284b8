"""``emprops jobs`` and ``emprops workers``: what is going on."""

import asyncio
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from emprops.cli.client import find_server
from emprops.cli.exits import fail, read_settings
from emprops.kit.redis import connect
from emprops.local.run import read_run
from emprops.queue.registry import Fleet, WorkerInfo


def jobs(
    status: Annotated[str | None, typer.Option(help="Only pending, processing, completed or failed ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: Annotated[str | None, typer.Option(help="Address of the api.")] = None,
    user: Annotated[str | None, typer.Option(help="User id whose jobs to list.")] = None,
) -> None:
    """List the newest jobs."""
    query = {"limit": limit} | ({"status": status} if status else {})
    rows = find_server(server, user).call("GET", "/api/jobs", params=query)
    table = _table("job", "status", "progress", "created", "name", "result")
    for job in rows:
        progress = f"{job['progress'] or 0:.0f} %"
        result = job["workflow_output"] or job["error_message"] or ""
        table.add_row(job["id"], job["status"], progress, job["created_at"][:19], job["name"], result)
    _show(table, "No jobs yet.")


def workers() -> None:
    """List the live workers, as the queue's Redis knows them."""
    settings = read_settings()
    run = read_run(settings.data_dir)
    url = settings.redis_url or (run.redis_url if run else "")
    if not url:
        fail("No running installation was found here: start one with `emprops up`, or set REDIS_URL.")
    table = _table("worker", "status", "slots", "serves", "done", "failed", "connectors")
    for info in asyncio.run(_fleet(url, settings.queue_prefix)):
        slots = f"{len(info.current)}/{info.concurrency}"
        connectors = ", ".join(f"{name}: {state}" for name, state in sorted(info.connectors.items()))
        done, failed = str(info.counters.completed), str(info.counters.failed)
        table.add_row(info.worker_id, info.status, slots, ", ".join(sorted(info.offers)), done, failed, connectors)
    _show(table, "No live workers.")


async def _fleet(url: str, prefix: str) -> list[WorkerInfo]:
    redis = connect(url)
    try:
        return await Fleet(redis, prefix).workers()
    finally:
        await redis.aclose()


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _show(table: Table, empty: str) -> None:
    if table.row_count:
        Console().print(table)
    else:
        typer.echo(empty)
