"""``emprops workers``: who does the work; pause and resume them for maintenance."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from emprops.cli.direct import Engines, redis_url, with_engines
from emprops.cli.exits import fail, read_settings
from emprops.cli.tables import JsonOption, show, table
from emprops.fleet.service import WITHIN, Concerned, Maintenance, Scope
from emprops.kit.redis import connect
from emprops.queue.fleet import Fleet, WorkerInfo

app = typer.Typer(help="List the live workers; pause and resume them.")
Worker = Annotated[str | None, typer.Argument(help="The worker's id.")]
Machine = Annotated[str | None, typer.Option(help="All workers of this machine, also those that start there later.")]
Everybody = Annotated[bool, typer.Option("--all", help="All workers.")]


@app.callback(invoke_without_command=True)
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the live workers, as the queue's Redis knows them."""
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    rows = table(
        "worker", "machine", "status", "slots", "serves", "done", "failed", "lost", "stored", "busy", "connectors"
    )
    found = asyncio.run(_fleet(redis_url(settings), settings.queue_prefix))
    for info in found:
        rows.add_row(*_cells(info))
    show(rows, "No live workers.", [asdict(info) for info in found] if as_json else None)


@app.command()
def pause(worker: Worker = None, machine: Machine = None, everybody: Everybody = False) -> None:
    """Let workers finish what they run, and claim nothing more until they are resumed."""
    scope, name = _whom(worker, machine, everybody)
    found = with_engines(lambda engines: _maintenance(engines).pause(scope, name))
    _tell(found, f"will claim nothing within {WITHIN} seconds")


@app.command()
def resume(worker: Worker = None, machine: Machine = None, everybody: Everybody = False) -> None:
    """Let workers claim again. --all ends every pause there is."""
    scope, name = _whom(worker, machine, everybody)
    found = with_engines(lambda engines: _maintenance(engines).resume(scope, name))
    _tell(found, f"will claim again within {WITHIN} seconds")
    for worker_id in found.still_paused:
        typer.echo(f"{worker_id} is still held by another pause: see --machine and --all.")


def _whom(worker: str | None, machine: str | None, everybody: bool) -> tuple[Scope, str]:
    if (worker is not None) + (machine is not None) + everybody != 1:
        fail("Name a worker, or a machine with --machine, or everybody with --all.")
    if everybody:
        return "all", ""
    return ("machine", machine) if machine else ("worker", worker or "")


def _tell(found: Concerned, what: str) -> None:
    for worker_id in found.workers:
        if worker_id not in found.still_paused:
            typer.echo(f"{worker_id} {what}.")
    if not found.workers:
        typer.echo("No live worker is concerned now.")


def _maintenance(engines: Engines) -> Maintenance:
    return Maintenance(engines.database, engines.redis, engines.settings.queue_prefix)


async def _fleet(url: str, prefix: str) -> list[WorkerInfo]:
    redis = connect(url)
    try:
        return await Fleet(redis, prefix).workers()
    finally:
        await redis.aclose()


def _serves(info: WorkerInfo) -> list[str]:
    """Its job types, with the slots of those that have their own."""
    own = {job_type: f" ×{slots}" for job_type, slots in info.slots.items()}
    return [job_type + own.get(job_type, "") for job_type in sorted(info.offers)]


def _cells(info: WorkerInfo) -> list[str]:
    counted = info.counters
    failed = f"{counted.failed} ({counted.retried} retried)" if counted.retried else str(counted.failed)
    return [
        info.worker_id,
        info.machine_id,
        info.status,
        f"{len(info.current)}/{info.concurrency}",
        ", ".join(_serves(info)),
        str(counted.completed),
        failed,
        str(counted.lost_leases),
        f"{counted.bytes_stored / 1e6:.1f} MB",
        f"{counted.busy_seconds:.0f} s",
        ", ".join(f"{name}: {state}" for name, state in sorted(info.connectors.items())),
    ]
