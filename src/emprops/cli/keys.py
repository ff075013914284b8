"""``emprops keys``: API keys of services. They live in PostgreSQL, which these commands reach directly."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from emprops.auth import store
from emprops.auth.caller import SCOPES
from emprops.auth.keys import REMEMBER, make_key
from emprops.cli.db import database_url
from emprops.cli.exits import fail, one_sentence
from emprops.cli.tables import show, table
from emprops.kit.database import Database, Transaction

Result = TypeVar("Result")
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who will use it, for the list.")],
    scope: Annotated[list[str], typer.Option(help="service, worker or read; may be given more than once.")],
    user: Annotated[UUID | None, typer.Option(help="The user it acts for when a request names none.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it works: 90d, 12h; without it, until revoked.")] = None,
) -> None:
    """Make a key and print it, this once: only a digest is kept."""
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        fail(f"There is no scope {', '.join(unknown)}: use {', '.join(SCOPES)}.")
    key, life = make_key(), life_of(expires)

    async def add(tx: Transaction) -> UUID:
        return await store.add_key(
            tx,
            prefix=key.prefix,
            digest=key.digest,
            name=name,
            scopes=sorted(set(scope)),
            owner=user,
            life=life,
        )

    in_database(add)
    typer.echo(key.text)
    typer.echo("Keep it now: it is not shown again. Send it as X-API-Key.", err=True)


@app.command(name="list")
def list_() -> None:
    """List all keys, newest first, by their public parts."""
    rows = table("key", "name", "scopes", "user", "created", "last used", "state")
    for key in in_database(store.list_keys):
        owner, scopes = str(key.owner_user_id or ""), ", ".join(key.scopes)
        used, made = when(key.last_used_at), when(key.created_at)
        rows.add_row(f"emp_{key.prefix}", key.name, scopes, owner, made, used, state_of(key))
    show(rows, "No API keys yet: make one with `emprops keys create --name … --scope service`.")


@app.command()
def revoke(which: Annotated[str, typer.Argument(metavar="PREFIX|ID", help="emp_xxxxxxxx, or the row's id.")]) -> None:
    """Make a key useless, for good."""
    prefix = re.fullmatch(r"emp_([a-z0-9]{8})(_.*)?", which)

    async def end(tx: Transaction) -> store.ApiKey | None:
        return await store.revoke_key(tx, prefix[1] if prefix else which.lower())

    key = in_database(end)
    if key is None:
        fail(f"There is no API key {which[:12]}: see `emprops keys list`.")
    typer.echo(f"emp_{key.prefix}_… ({key.name}) is revoked; it stops working everywhere within {REMEMBER:g} seconds.")


def in_database(work: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """Run something in one transaction on DATABASE_URL or the database of the installation running here."""

    async def run(url: str) -> Result:
        database = Database(url, size=2)
        try:
            await database.open()
            async with database.transaction() as tx:
                return await work(tx)
        finally:
            await database.close()

    with one_sentence():
        return asyncio.run(run(database_url()))


def life_of(text: str | None, option: str = "--expires") -> timedelta | None:
    """Read ``90d``, ``12h`` or ``30m``; ends the command with a sentence for anything else."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,5})([dhm])", text)
    if match is None:
        fail(f"{option} {text!r} is not a time like 90d, 12h or 30m.")
    return int(match[1]) * UNITS[match[2]]


def when(time: datetime | None) -> str:
    """Show a time."""
    return f"{time:%Y-%m-%d %H:%M}" if time else ""


def state_of(key: store.ApiKey) -> str:
    """Say whether a key works."""
    if key.revoked_at:
        return f"revoked {when(key.revoked_at)}"
    if key.expires_at:
        return f"{'until' if key.live else 'expired'} {when(key.expires_at)}"
    return "works"
