"""``emprops policies``: what is allowed of job types. Policies live in PostgreSQL, which these commands reach."""

import re
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import ValidationError

from emprops.audit.service import at_the_terminal
from emprops.cli.direct import Engines, with_engines, with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import answer, json_option, print_json
from emprops.cli.tables import Column, show
from emprops.kit.database import Transaction
from emprops.policies import queries, service
from emprops.policies.rules import AUTHORS, Policy
from emprops.policies.schemas import PolicyBody, view_of
from emprops.settings import Settings

FIELDS = (
    "`job_type`, `host`, `builders`, `authors`, `floor`, `models`, `max_pixels`, `max_count`, `max_seconds`,"
    " `concurrency`, `per_minute`, `updated_at` and `updated_by`"
)


def _counted(builders: str) -> str:
    return builders if builders.isalpha() else f"{builders.count(',') + 1} by id"


COLUMNS = (
    Column("job type"),
    Column("host", least=12),
    Column("builders", _counted),
    Column("floor", right=True),
    Column("models", least=8, rank=1),
    Column("pixels", right=True, rank=4),
    Column("results", right=True, rank=5),
    Column("seconds", right=True, rank=6),
    Column("at once", right=True, rank=2),
    Column("a minute", right=True, rank=3),
)
SIDES = re.compile(r"(\d{1,6})[x×](\d{1,6})", re.IGNORECASE)

app = typer.Typer(add_completion=False)

JobType = Annotated[str, typer.Argument(help="The job type, such as openai_image.")]
Host = Annotated[str | None, typer.Option(help="Only this host; for fetch_api.")]


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    as_json: Annotated[bool, json_option(f"a list of {FIELDS}")] = False,
) -> None:
    """List what is allowed of job types; set and remove it.

    For example:

        $ emprops policies
        $ emprops policies set openai_image --floor 0.05 --per-minute 50
    """
    if context.invoked_subcommand is not None:
        return

    async def read(tx: Transaction, _settings: Settings) -> list[Policy]:
        return await queries.list_policies(tx)

    found = with_transaction(read)
    if as_json:
        print_json([_shown(policy) for policy in found])
        return
    show(COLUMNS, [_row(policy) for policy in found], empty="There are no policies: everything is allowed.")


@app.command(name="set")
def set_(
    job_type: JobType,
    host: Host = None,
    builders: Annotated[str, typer.Option(help="Who may build on it: everyone, authors or services.")] = "",
    author: Annotated[list[UUID] | None, typer.Option(help="A user who may build on it. May be repeated.")] = None,
    floor: Annotated[float, typer.Option(help="The least that a run costs, in credits.")] = 0,
    model: Annotated[list[str] | None, typer.Option(help="A model that may be used. May be repeated.")] = None,
    max_pixels: Annotated[str | None, typer.Option(help="The largest picture: 1048576 or 1024x1024.")] = None,
    max_count: Annotated[int | None, typer.Option(help="The most results that a step may ask for.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="The longest video that a step may ask for.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="The most steps at once, over all workers.")] = None,
    per_minute: Annotated[int | None, typer.Option(help="The most steps a minute, over all workers.")] = None,
    as_json: Annotated[bool, json_option(FIELDS)] = False,
) -> None:
    """Set the whole policy of a job type. What is left out is not limited.

    For example:

        $ emprops policies set stability_api --builders services
        $ emprops policies set fetch_api --host queue.fal.run --floor 0.1
    """
    said: dict[str, Any] = {
        "builders": builders or (AUTHORS if author else "everyone"),
        "authors": author or [],
        "floor": str(floor),
        "models": model or None,
        "max_pixels": _pixels(max_pixels),
        "max_count": max_count,
        "max_seconds": max_seconds,
        "concurrency": concurrency,
        "per_minute": per_minute,
    }
    try:
        body = PolicyBody.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}.")

    async def put(engines: Engines) -> Policy:
        known = await service.known_job_types(engines.redis, engines.settings.queue_prefix)
        async with engines.database.transaction() as tx:
            policy = body.policy(job_type, service.read_host(job_type, host))
            return await service.put(tx, policy, known, by=at_the_terminal())

    stored = with_engines(put)
    answer(f"The policy of {stored.name} is set.", _shown(stored), as_json=as_json)


@app.command()
def remove(job_type: JobType, host: Host = None, as_json: Annotated[bool, json_option(FIELDS)] = False) -> None:
    """Remove a policy: without one, everything is allowed."""

    async def take(tx: Transaction, _settings: Settings) -> Policy:
        return await service.remove(tx, job_type, service.read_host(job_type, host), by=at_the_terminal())

    removed = with_transaction(take)
    answer(f"The policy of {removed.name} is removed.", _shown(removed), as_json=as_json)


def _pixels(text: str | None) -> int | None:
    if text is None:
        return None
    sides = SIDES.fullmatch(text.strip())
    if sides is None and not text.strip().isdecimal():
        fail("--max-pixels must be a number of pixels, such as 1048576 or 1024x1024.")
    return int(sides[1]) * int(sides[2]) if sides else int(text)


def _shown(policy: Policy) -> dict[str, Any]:
    return view_of(policy).model_dump()


def _row(policy: Policy) -> tuple[Any, ...]:
    view = view_of(policy)
    builders = ", ".join(map(str, view.authors)) if view.builders == AUTHORS else view.builders
    return (
        *(view.job_type, view.host, builders, view.floor or None, ", ".join(view.models or ())),
        *(view.max_pixels, view.max_count, view.max_seconds, view.concurrency, view.per_minute),
    )
