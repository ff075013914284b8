"""``emprops quotas``: the limits of users, API keys and collections. They live in PostgreSQL, which these commands
reach."""

from dataclasses import asdict, replace
from typing import Annotated, Any
from uuid import UUID

import typer

from emprops.audit.service import at_the_terminal
from emprops.cli.direct import with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import json_option, print_json
from emprops.cli.tables import Column, show
from emprops.cli.times import ago
from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page
from emprops.quotas import service, store
from emprops.quotas.limits import MAX_WEIGHT, QUOTAS, Kind, Subject, defaults_from
from emprops.settings import Settings

SHOWN = 1_000
SET_FIELDS = (
    "`kind`, `subject`, `open_jobs`, `open_steps`, `running_steps`, `hourly_generations`, `daily_generations`,"
    " `stored_bytes`, `weight`, `result_days` (null: as the settings say), `updated_at`, `updated_by`"
)
STANDING_FIELDS = "a list of `quota`, `limit` (null: none), `used` and `resets_at`"

app = typer.Typer(
    help="Limit what users, API keys and collections may have at once.",
    no_args_is_help=True,
    add_completion=False,
)

KindOf = Annotated[Kind, typer.Argument(help="user, key or collection.")]
Id = Annotated[UUID, typer.Argument(help="Its id.")]
AsJson = Annotated[bool, json_option(STANDING_FIELDS)]


def _most(what: str) -> Any:
    return typer.Option(min=0, show_default=False, metavar="N", help=f"{what}; 0 lifts the limit.")


@app.command(name="list")
def list_(as_json: Annotated[bool, json_option(f"a list of {SET_FIELDS}")] = False) -> None:
    """List the limits that were set, newest first. Other users have those of the settings."""

    async def read(tx: Transaction, _settings: Settings) -> list[store.Quota]:
        return await store.list_quotas(tx, Page(limit=SHOWN))

    found = with_transaction(read)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    columns = (Column("kind"), Column("id"), Column("limits", least=20), Column("set", ago, right=True))
    rows = [(one.kind, one.subject, _in_words(one), one.updated_at) for one in found]
    show(columns, rows, empty="No limits were set: `emprops quotas set user ID --open-jobs 20` sets one.")


@app.command()
def get(kind: KindOf, subject: Id, as_json: AsJson = False) -> None:
    """Show how a user, an API key or a collection stands with each quota, and the weight of a user."""
    _show(with_transaction(lambda tx, settings: _standing(tx, settings, Subject(kind, subject))), as_json=as_json)


@app.command(name="set")
def set_(
    kind: KindOf,
    subject: Id,
    open_jobs: Annotated[int | None, _most("Jobs that have not ended")] = None,
    open_steps: Annotated[int | None, _most("Steps of those jobs that have not ended")] = None,
    running_steps: Annotated[int | None, _most("Steps in the queue or running")] = None,
    hourly_generations: Annotated[int | None, _most("Generations started in an hour")] = None,
    daily_generations: Annotated[int | None, _most("Generations started in a day")] = None,
    stored_bytes: Annotated[int | None, _most("Size of all stored files")] = None,
    weight: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_WEIGHT,
            show_default=False,
            metavar="N",
            help="How many of a user's steps are taken in one turn, before others have theirs; 1 for most.",
        ),
    ] = None,
    result_days: Annotated[
        float | None,
        typer.Option(min=0, show_default=False, metavar="N", help="Days for which results are kept; 0: for good."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set limits, and the weight of a user. Those that are not given stay as they are.

    For example:

        $ emprops quotas set user $USER_ID --running-steps 4 --weight 3
    """
    given = (open_jobs, open_steps, running_steps, hourly_generations, daily_generations, stored_bytes)
    changes = {name: value for name, value in zip(QUOTAS, given, strict=True) if value is not None}
    if not changes and weight is None and result_days is None:
        fail("Say what to limit, such as --open-jobs 20: see `emprops quotas set --help`.")
    one = Subject(kind, subject)

    async def change(tx: Transaction, settings: Settings) -> Standing:
        own = (await store.set_for(tx, [one])).get(one, store.Quota())
        await service.set_quota(
            tx,
            one,
            replace(own.limits, **changes),
            own.weight if weight is None else weight,
            own.result_days if result_days is None else result_days,
            by=at_the_terminal(),
        )
        return await _standing(tx, settings, one)

    _show(with_transaction(change), as_json=as_json)


@app.command()
def reset(kind: KindOf, subject: Id, as_json: AsJson = False) -> None:
    """Forget the limits and the weight that were set: those of the settings hold again."""
    one = Subject(kind, subject)

    async def forget(tx: Transaction, settings: Settings) -> Standing | None:
        if not await service.reset_limits(tx, one, by=at_the_terminal()):
            return None
        return await _standing(tx, settings, one)

    left = with_transaction(forget)
    if left is None:
        fail(f"No limits were set for {kind} {subject}: see `emprops quotas list`.")
    _show(left, as_json=as_json)


Standing = tuple[list[service.Standing], int | None]
"""How one stands with each quota, and a user's weight."""


async def _standing(tx: Transaction, settings: Settings, subject: Subject) -> Standing:
    found = await service.standings(tx, subject, defaults_from(settings))
    return found, await service.weight_of(tx, subject)


def _show(standing: Standing, *, as_json: bool) -> None:
    found, weight = standing
    if as_json:
        print_json([asdict(one) for one in found])
        return
    columns = (
        Column("quota"),
        Column("used", "{:,}".format, right=True),
        Column("limit", _limit, right=True),
        Column("resets", right=True),
    )
    rows = [(one.quota, one.used, one.limit, one.resets_at and f"{one.resets_at:%H:%M} UTC") for one in found]
    show(columns, [tuple("" if value is None else value for value in row) for row in rows], empty="")
    if weight is not None:
        typer.echo(f"Weight {weight}: {'one step' if weight == 1 else f'up to {weight} steps'} in each turn.", err=True)


def _limit(value: Any) -> str:
    return f"{value:,}" if value != "" else "none"


def _in_words(quota: store.Quota) -> str:
    told: dict[str, float] = {**quota.limits.as_set()}
    told |= {"weight": quota.weight} if quota.weight else {}
    told |= {} if quota.result_days is None else {"result_days": quota.result_days}
    return ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in told.items()) or "none"
