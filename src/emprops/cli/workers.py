"""``emprops workers``: who does the work; pause and resume them for maintenance."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from emprops.audit.service import at_the_terminal
from emprops.cli.direct import Engines, with_engines, with_redis
from emprops.cli.exits import fail
from emprops.cli.output import json_option, print_json
from emprops.cli.tables import Column, show
from emprops.cli.times import seconds, size
from emprops.fleet.service import WITHIN, Concerned, Maintenance, Scope
from emprops.queue.fleet import Fleet, WorkerInfo

app = typer.Typer(add_completion=False)
Worker = Annotated[str | None, typer.Argument(help="The worker's id.")]
Machine = Annotated[str | None, typer.Option(help="All workers of this machine, also those that start there later.")]
Everybody = Annotated[bool, typer.Option("--all", help="All workers, also those that start later.")]
AsJson = Annotated[
    bool, json_option("`scope`, `name`, `workers` that are concerned and, of these, those that are `still_paused`")
]
FIELDS = (
    "`worker_id`, `machine_id`, `status`, `job_types`, `offers`, `concurrency`, `slots`, `current`, `started_at`,"
    " `last_seen`, `counters`, `connectors`, `version`"
)
COLUMNS = (
    Column("worker"),
    Column("machine", rank=9),
    Column("status"),
    Column("slots", right=True),
    Column("serves", least=12, rank=1),
    Column("done", right=True, rank=2),
    Column("failed", right=True, rank=3),
    Column("retried", right=True, rank=6),
    Column("lost", right=True, rank=4),
    Column("stored", size, right=True, rank=7),
    Column("busy", seconds, right=True, rank=8),
    Column("connectors", lambda text: "ok" if text.count(": ") == text.count(": ok") else text, least=10),
)


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    as_json: Annotated[bool, json_option(f"a list of {FIELDS}")] = False,
) -> None:
    """List the live workers, as the queue's Redis knows them; pause and resume them.

    Slots are those in use and those there are. Figures count since the worker
    started: steps done, attempts that failed and claims that were lost.

    For example:

        $ emprops workers
        $ emprops workers pause --machine gpu-1
    """
    if context.invoked_subcommand is not None:
        return
    found = with_redis(lambda redis, settings: Fleet(redis, settings.queue_prefix).workers())
    if as_json:
        print_json([info.shown() for info in found])
        return
    show(COLUMNS, [_row(info) for info in found], empty="No live workers: start one with `emprops worker`.")


@app.command()
def pause(
    worker: Worker = None, machine: Machine = None, everybody: Everybody = False, as_json: AsJson = False
) -> None:
    """Let workers finish what they run, and claim nothing more until they are resumed.

    For example:

        $ emprops workers pause gpu-1-4711-3f2a1b
        $ emprops workers pause --machine gpu-1
        $ emprops workers pause --all
    """
    scope, name = _whom(worker, machine, everybody)
    found = with_engines(lambda engines: _maintenance(engines).pause(scope, name, actor=at_the_terminal()))
    _tell(found, f"will claim nothing within {WITHIN} seconds", as_json=as_json)


@app.command()
def resume(
    worker: Worker = None, machine: Machine = None, everybody: Everybody = False, as_json: AsJson = False
) -> None:
    """Let workers claim again. --all ends every pause there is."""
    scope, name = _whom(worker, machine, everybody)
    found = with_engines(lambda engines: _maintenance(engines).resume(scope, name, actor=at_the_terminal()))
    _tell(found, f"will claim again within {WITHIN} seconds", as_json=as_json)


def _whom(worker: str | None, machine: str | None, everybody: bool) -> tuple[Scope, str]:
    if (worker is not None) + (machine is not None) + everybody != 1:
        fail("Name a worker, or a machine with --machine, or everybody with --all.")
    if everybody:
        return "all", ""
    return ("machine", machine) if machine else ("worker", worker or "")


def _tell(found: Concerned, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(found))
        return
    for worker_id in found.workers:
        held = worker_id in found.still_paused
        typer.echo(f"{worker_id} {'is still held by another pause: see --machine and --all' if held else what}.")
    if not found.workers:
        typer.echo("No live worker is concerned now.")


def _maintenance(engines: Engines) -> Maintenance:
    return Maintenance(engines.database, engines.redis, engines.settings.queue_prefix)


def _row(info: WorkerInfo) -> tuple[Any, ...]:
    counted, own = info.counters, {job_type: f" ×{slots}" for job_type, slots in info.slots.items()}
    return (
        info.worker_id,
        info.machine_id,
        info.status,
        f"{len(info.current)}/{info.concurrency}",
        ", ".join(job_type + own.get(job_type, "") for job_type in sorted(info.offers)),
        counted.completed,
        counted.failed,
        counted.retried,
        counted.lost_leases,
        counted.bytes_stored,
        round(counted.busy_seconds),
        ", ".join(f"{name}: {state}" for name, state in sorted(info.connectors.items())),
    )
