"""``emprops dead-letters``: steps that used up their failures or lost claims; see them, offer them again."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from emprops.cli.direct import Engines, with_engines
from emprops.cli.exits import fail
from emprops.cli.tables import show, table
from emprops.errors import AppError
from emprops.jobs import dead_letter_store
from emprops.kit.web.paging import Page
from emprops.orchestrator.change.dead_letters import letter_of, offer_again
from emprops.orchestrator.tickets import Dispatcher, limits_from, queue_from

app = typer.Typer(help="See steps that used up their limits, and offer them again.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the steps that used up their limits and that nothing has been done about."""
    if context.invoked_subcommand is not None:
        return

    async def read(engines: Engines) -> list[dead_letter_store.DeadLetter]:
        async with engines.database.reader() as reader:
            return await dead_letter_store.open_letters(reader, Page(limit=limit))

    letters = with_engines(read)
    if as_json:
        _print([asdict(letter) for letter in letters])
        return
    rows = table("step", "job", "job type", "reason", "failures", "losses", "when", "error")
    for letter in letters:
        when, error = f"{letter.failed_at:%Y-%m-%d %H:%M}", letter.error_message or ""
        counts = str(letter.failures), str(letter.losses)
        rows.add_row(str(letter.step_id), str(letter.job_id), letter.job_type, letter.reason, *counts, when, error)
    show(rows, "No dead letters.")


@app.command(name="show")
def show_(step: Annotated[UUID, typer.Argument(help="The step's id.")]) -> None:
    """Print one as JSON, with what its workers were given."""

    async def read(engines: Engines) -> dead_letter_store.DeadLetterDetail:
        async with engines.database.reader() as reader:
            return await letter_of(reader, step)

    _print(asdict(with_engines(read)))


@app.command()
def offer(steps: Annotated[list[UUID], typer.Argument(help="Ids of steps.")]) -> None:
    """Try the jobs of these steps again, once more even if no retries are left. Exit code 1 if one was refused."""
    refused = 0

    async def offer_each(engines: Engines) -> None:
        nonlocal refused
        for step in steps:
            try:
                typer.echo(f"{step}: {await _offer(engines, step)}")
            except AppError as error:
                refused += 1
                typer.echo(f"{step}: {error.message}", err=True)

    with_engines(offer_each)
    if refused:
        fail(f"{refused} of {len(steps)} refused.")


async def _offer(engines: Engines, step: UUID) -> str:
    settings = engines.settings
    dispatcher = Dispatcher(engines.database, queue_from(engines.redis, settings), limits_from(settings))
    async with engines.database.transaction() as tx:
        job_id, retried = await offer_again(tx, step, settings, dispatcher)
    await dispatcher.flush()
    return f"job {job_id}: {retried.message}"


def _print(data: Any) -> None:
    typer.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
