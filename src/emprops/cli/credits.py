"""``emprops credits``: give credits, take them back, see what a user has."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from emprops.cli.db import database_url
from emprops.cli.exits import fail, one_sentence, read_settings
from emprops.credits import service
from emprops.credits.amounts import to_micros, to_number
from emprops.credits.service import Terms, terms_from
from emprops.errors import BadRequestError
from emprops.kit import migrate
from emprops.kit.database import Database, Transaction

app = typer.Typer(help="Give users credits; see what they have.", no_args_is_help=True)
Result = TypeVar("Result")
User = Annotated[UUID, typer.Argument(help="The user's id.")]


@app.command()
def grant(
    user: User,
    amount: Annotated[str, typer.Argument(help="How many credits, for example 100 or 0.25.")],
    reason: Annotated[str, typer.Option(help="Shown in the user's ledger.")] = "",
) -> None:
    """Grant a user credits."""
    micros = read_amount(amount)
    run(lambda tx, terms: service.grant(tx, user, micros, reason=reason, terms=terms))
    balance(user)


@app.command(context_settings={"ignore_unknown_options": True})
def adjust(
    user: User,
    amount: Annotated[str, typer.Argument(help="How many credits to add, or with a minus to take away.")],
    reason: Annotated[str, typer.Option(help="Shown in the user's ledger.")],
) -> None:
    """Correct what a user has."""
    micros = read_amount(amount)
    run(lambda tx, terms: service.adjust(tx, user, micros, reason=reason, terms=terms))
    balance(user)


@app.command()
def balance(user: User) -> None:
    """Print what a user has."""
    account = run(lambda tx, terms: service.account_of(tx, user, terms=terms))
    typer.echo(f"available {to_number(account.available)}  held {to_number(account.held)}")


def read_amount(text: str) -> int:
    """Read a number of credits; ends the command with a sentence if it is none."""
    try:
        return to_micros(text)
    except ValueError as error:
        fail(f"AMOUNT {text}: {error}.")


def run(action: Callable[[Transaction, Terms], Awaitable[Result]]) -> Result:
    """Do something in one transaction on the installation's database."""
    settings = read_settings()
    with one_sentence():
        url = database_url()
        if not migrate.is_current(url):
            fail("The database is not at this version's revision: run `emprops db upgrade`.")
        return asyncio.run(_in_transaction(url, action, terms_from(settings)))


async def _in_transaction(url: str, action: Callable[[Transaction, Terms], Awaitable[Result]], terms: Terms) -> Result:
    database = Database(url, size=2)
    await database.open()
    try:
        async with database.transaction() as tx:
            return await action(tx, terms)
    except BadRequestError as error:
        fail(error.message)
    finally:
        await database.close()
