"""``emprops credits``: give credits, take them back, see what a user has, and limit what may be spent."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Annotated, Any, cast
from uuid import UUID

import typer

from emprops.audit.actions import Action
from emprops.audit.service import at_the_terminal, record
from emprops.cli.direct import with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import answer, json_option, print_json
from emprops.cli.tables import Column, show
from emprops.credits import limit_store, limits, service, statement_formats, statements
from emprops.credits.amounts import to_micros, to_number, to_text
from emprops.credits.limit_schemas import limit_json
from emprops.credits.limit_store import Period
from emprops.credits.queries import Entry
from emprops.credits.schemas import account_json, entry_json
from emprops.credits.service import Terms, terms_from
from emprops.credits.statements import Statement
from emprops.credits.store import Account
from emprops.kit.database import Transaction
from emprops.settings import Settings

app = typer.Typer(help="Give users credits; see what they have.", no_args_is_help=True, add_completion=False)
LIMIT_COLUMNS = (
    Column("period"),
    Column("set by"),
    Column("limit", right=True),
    Column("spent", right=True, rank=1),
    Column("left", right=True),
    Column("resets", lambda at: f"{at:%Y-%m-%d %H:%M} UTC"),
)
STATEMENT_COLUMNS = (
    Column("time", lambda at: f"{at:%Y-%m-%d %H:%M}"),
    Column("kind"),
    Column("amount", right=True),
    Column("available", right=True),
    Column("held", right=True, rank=1),
    Column("reason", least=12, rank=2),
)
User = Annotated[UUID, typer.Argument(help="The user's id.")]
AsJson = Annotated[bool, json_option("`user_id`, `available`, `held`")]


@app.command()
def grant(
    user: User,
    amount: Annotated[str, typer.Argument(help="How many credits, for example 100 or 0.25.")],
    reason: Annotated[str, typer.Option(help="Shown in the user's ledger.")] = "",
    as_json: AsJson = False,
) -> None:
    """Grant a user credits.

    For example:

        $ emprops credits grant $USER_ID 100 --reason Welcome
    """
    micros = read_amount(amount)

    async def give(tx: Transaction, terms: Terms) -> None:
        entry = await service.grant(tx, user, micros, reason=reason, terms=terms)
        await _record(tx, Action.CREDITS_GRANTED, user, micros, entry)

    _change(user, give, as_json=as_json)


@app.command(context_settings={"ignore_unknown_options": True})
def adjust(
    user: User,
    amount: Annotated[str, typer.Argument(help="How many credits to add, or with a minus to take away.")],
    reason: Annotated[str, typer.Option(help="Shown in the user's ledger.")],
    as_json: AsJson = False,
) -> None:
    """Correct what a user has.

    For example:

        $ emprops credits adjust $USER_ID -5 --reason "Counted twice"
    """
    micros = read_amount(amount)

    async def correct(tx: Transaction, terms: Terms) -> None:
        entry = await service.adjust(tx, user, micros, reason=reason, terms=terms)
        await _record(tx, Action.CREDITS_ADJUSTED, user, micros, entry)

    _change(user, correct, as_json=as_json)


@app.command()
def balance(user: User, as_json: AsJson = False) -> None:
    """Print what a user has."""
    _change(user, _nothing, as_json=as_json)


@app.command()
def limit(
    whose: Annotated[str, typer.Argument(metavar="USER|KEY", help="A user's id, or a key: emp_xxxxxxxx.")],
    day: Annotated[str | None, typer.Option(help="Credits a day (UTC), or none.")] = None,
    month: Annotated[str | None, typer.Option(help="Credits a calendar month (UTC), or none.")] = None,
    as_json: Annotated[
        bool,
        json_option("a list of `subject`, `period`, `set_by`, `amount`, `spent`, `left`, `resets_at`"),
    ] = False,
) -> None:
    """Limit what a user or an API key may spend; without options, show it.

    For example:

        $ emprops credits limit $USER_ID --day 5 --month 50
        $ emprops credits limit emp_k3v9x2ab --day none
    """
    asked = {"day": day, "month": month}
    amounts = {period: _read_limit(text) for period, text in asked.items() if text is not None}

    async def work(tx: Transaction, _settings: Settings) -> list[limit_store.Limit]:
        user_id = _user_id(whose)
        key_id = await limits.key_named(tx, whose) if user_id is None else None
        for period, amount in amounts.items():
            await limits.set_limit(
                tx, at_the_terminal(), amount, user_id=user_id, key_id=key_id, period=cast("Period", period)
            )
        return await limit_store.limits_of(tx, user_id, key_id)

    found = with_transaction(work)
    if as_json:
        print_json([limit_json(one) for one in found])
        return
    rows = [
        (one.period, one.set_by, to_text(one.amount), to_text(one.spent), to_text(one.left), one.resets_at)
        for one in found
    ]
    show(LIMIT_COLUMNS, rows, empty="There is no limit: `emprops credits limit USER --day 5` sets one.")


@app.command()
def statement(
    user: User,
    month: Annotated[str | None, typer.Argument(help="As 2026-01 (UTC); the present one unless told.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, as the api writes it.")] = False,
    as_json: Annotated[
        bool,
        json_option("`user_id`, `month`, `complete`, `opening`, `entries`, `totals`, `closing`"),
    ] = False,
) -> None:
    """Print what happened to a user's credits in a month.

    For example:

        $ emprops credits statement $USER_ID 2026-01 --csv > january.csv
    """
    now = datetime.now(UTC)

    async def work(tx: Transaction, _settings: Settings) -> None:
        wanted = statements.read_month(month or f"{now:%Y-%m}", now=now)
        made = await statements.open_statement(tx, user, wanted, now=now)
        if as_csv:
            async for lines in statement_formats.as_csv(made, lambda: nullcontext(tx)):
                typer.echo(lines, nl=False)
            return
        rows = [row async for page in statements.entries_of(made, lambda: nullcontext(tx)) for row in page]
        if as_json:
            print_json(_statement_json(made, rows))
            return
        _show_statement(made, rows)

    with_transaction(work)


def _statement_json(made: Statement, rows: list[tuple[Entry, Account]]) -> dict[str, Any]:
    return {
        "user_id": made.user_id,
        "month": made.month.name,
        "complete": made.complete,
        "opening": account_json(made.opening),
        "entries": [entry_json(entry) for entry, _ in rows],
        "totals": statement_formats.totals_json(made),
        "closing": account_json(made.closing),
    }


def _show_statement(made: Statement, rows: list[tuple[Entry, Account]]) -> None:
    shown: list[tuple[Any, ...]] = [(made.month.begins, "opening", None, *_texts(made.opening), "")]
    shown += [
        (entry.created_at, entry.kind, to_text(entry.amount), *_texts(after), entry.reason) for entry, after in rows
    ]
    shown += [(None, f"total {kind}", to_text(total.amount), None, None, "") for kind, total in made.totals.items()]
    show(STATEMENT_COLUMNS, [*shown, (None, "closing", None, *_texts(made.closing), "")], empty="")


def _texts(account: Account) -> tuple[str, str]:
    return to_text(account.available), to_text(account.held)


def _user_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _read_limit(text: str) -> int | None:
    if text == "none":
        return None
    amount = read_amount(text)
    if amount < 0:
        fail(f"AMOUNT {text}: a limit must be 0 or more, or none.")
    return amount


def read_amount(text: str) -> int:
    """Read a number of credits; ends the command with a sentence if it is none."""
    try:
        return to_micros(text)
    except ValueError as error:
        fail(f"AMOUNT {text}: {error}.")


async def _record(tx: Transaction, action: Action, user: UUID, micros: int, entry: int) -> None:
    about = {"amount": to_number(micros), "ledger_entry": str(entry)}
    await record(tx, at_the_terminal(), action, f"user:{user}", about, user_id=user)


async def _nothing(_tx: Transaction, _terms: Terms) -> None:
    """Change nothing."""


def _change(user: UUID, change: Callable[[Transaction, Terms], Awaitable[object]], *, as_json: bool) -> None:
    """Do something in one transaction on the installation's database, and print what the user has then."""

    async def work(tx: Transaction, settings: Settings) -> Account:
        terms = terms_from(settings)
        await change(tx, terms)
        return await service.account_of(tx, user, terms=terms)

    account = with_transaction(work)
    figures = {"available": to_number(account.available), "held": to_number(account.held)}
    text = "  ".join(f"{name} {figure}" for name, figure in figures.items())
    answer(text, {"user_id": user, **figures}, as_json=as_json)
