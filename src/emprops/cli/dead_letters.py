"""``emprops dead-letters``: steps that used up their failures or lost claims; see them, offer them again."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from emprops.audit.service import at_the_terminal
from emprops.cli.direct import Engines, with_engines, with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import json_option, print_json, say, show_fields
from emprops.cli.tables import Column, show
from emprops.cli.times import ago, dated
from emprops.errors import AppError
from emprops.jobs import dead_letter_store
from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page
from emprops.settings import Settings

app = typer.Typer(add_completion=False)
FIELDS = (
    "`step_id`, `job_id`, `step_name`, `job_type`, `reason`, `failures`, `losses`, `attempts`, `error_message`,"
    " `failed_at`, `retry_attempt`, `open`"
)
COLUMNS = (
    Column("step"),
    Column("job", rank=4),
    Column("job type"),
    Column("reason", rank=1),
    Column("failures", right=True, rank=3),
    Column("losses", right=True, rank=2),
    Column("failed", ago, right=True),
    Column("error", least=12),
)


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    as_json: Annotated[bool, json_option(f"a list of {FIELDS}")] = False,
) -> None:
    """List steps that used up their tries and about which nothing has been done, newest first; offer them again.

    Losses are how often a worker vanished with the step.

    For example:

        $ emprops dead-letters show 0192f3a4-0000-7000-8000-000000000003
        $ emprops dead-letters --json | jq -r '.[].step_id'
    """
    if context.invoked_subcommand is not None:
        return

    async def read(tx: Transaction, _settings: Settings) -> list[dead_letter_store.DeadLetter]:
        return await dead_letter_store.open_letters(tx, Page(limit=limit))

    letters = with_transaction(read)
    if as_json:
        print_json([asdict(letter) for letter in letters])
        return
    show(COLUMNS, [_row(letter) for letter in letters], empty="No dead letters.")


@app.command(name="show")
def show_(
    step: Annotated[UUID, typer.Argument(help="The step's id.")],
    as_json: Annotated[bool, json_option(f"{FIELDS}, `run`, `worker_id`, `requirements`, `input_data`")] = False,
) -> None:
    """Show one, with what its workers were given."""

    async def read(tx: Transaction, _settings: Settings) -> dead_letter_store.DeadLetterDetail | None:
        return await dead_letter_store.find(tx, step)

    letter = with_transaction(read)
    if letter is None:
        fail("There is no dead letter of this step: `emprops dead-letters` lists what there is.")
    if as_json:
        print_json(asdict(letter))
        return
    show_fields({
        "step": letter.step_id,
        "job": letter.job_id,
        "name": letter.step_name,
        "job type": letter.job_type,
        "reason": letter.reason,
        "failures": letter.failures,
        "losses": letter.losses,
        "error": letter.error_message,
        "failed": dated(letter.failed_at),
        "worker": letter.worker_id,
        "needs": _json(letter.requirements),
        "input": _json(letter.input_data),
        "next": f"emprops dead-letters offer {letter.step_id}" if letter.open else "was dealt with",
    })  # fmt: skip


@app.command()
def offer(
    steps: Annotated[list[UUID], typer.Argument(help="Ids of steps.")],
    as_json: Annotated[bool, json_option("a list of `step_id`, `job_id`, `message`, `error`")] = False,
) -> None:
    """Try the jobs of these steps again, once more even if no retries are left. Exit code 1 if one was refused."""

    async def offer_each(engines: Engines) -> list[dict[str, Any]]:
        return [await _offered(engines, step) for step in steps]

    answers = with_engines(offer_each)
    refused = sum(answer["error"] is not None for answer in answers)
    if as_json:
        print_json(answers)
    for answer in answers:
        if answer["error"] is not None:
            say(f"{answer['step_id']}: {answer['error']}")
        elif not as_json:
            typer.echo(f"{answer['step_id']}: job {answer['job_id']}: {answer['message']}")
    if refused:
        fail(f"{refused} of {len(steps)} refused.")


async def _offered(engines: Engines, step: UUID) -> dict[str, Any]:
    # what moves jobs takes long to import, and the lists need none of it
    from emprops.orchestrator.change.dead_letters import offer_again  # noqa: PLC0415
    from emprops.orchestrator.tickets import Dispatcher, queue_from  # noqa: PLC0415

    settings = engines.settings
    dispatcher = Dispatcher(engines.database, queue_from(engines.redis, settings), settings)
    try:
        async with engines.database.transaction() as tx:
            job_id, retried = await offer_again(tx, step, settings, dispatcher, actor=at_the_terminal())
    except AppError as error:
        return {"step_id": step, "job_id": None, "message": None, "error": error.message}
    await dispatcher.flush()
    return {"step_id": step, "job_id": job_id, "message": retried.message, "error": None}


def _row(letter: dead_letter_store.DeadLetter) -> tuple[Any, ...]:
    counts = letter.failures, letter.losses
    return (
        letter.step_id, letter.job_id, letter.job_type, letter.reason, *counts, letter.failed_at, letter.error_message
    )  # fmt: skip


def _json(data: Any) -> str | None:
    return orjson.dumps(data).decode() if data else None
