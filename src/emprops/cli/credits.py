"""``emprops credits``: give credits, take them back, see what a user has."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer

from emprops.cli.direct import with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import answer, json_option
from emprops.credits import service
from emprops.credits.amounts import to_micros, to_number
from emprops.credits.service import Terms, terms_from
from emprops.credits.store import Account
from emprops.kit.database import Transaction
from emprops.settings import Settings

app = typer.Typer(help="Give users credits; see what they have.", no_args_is_help=True, add_completion=False)
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
    _change(user, lambda tx, terms: service.grant(tx, user, micros, reason=reason, terms=terms), as_json=as_json)


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
    _change(user, lambda tx, terms: service.adjust(tx, user, micros, reason=reason, terms=terms), as_json=as_json)


@app.command()
def balance(user: User, as_json: AsJson = False) -> None:
    """Print what a user has."""
    _change(user, _nothing, as_json=as_json)


def read_amount(text: str) -> int:
    """Read a number of credits; ends the command with a sentence if it is none."""
    try:
        return to_micros(text)
    except ValueError as error:
        fail(f"AMOUNT {text}: {error}.")


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
