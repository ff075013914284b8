"""``emprops keys``: API keys of services. They live in PostgreSQL, which these commands reach directly."""

import re
from typing import Annotated, Any
from uuid import UUID

import typer

from emprops.audit.service import at_the_terminal
from emprops.auth import key_service, store
from emprops.auth.caller import SCOPES
from emprops.auth.key_service import fields_of, state_of
from emprops.auth.keys import REMEMBER
from emprops.cli.direct import with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import answer, clean, json_option, print_json, say
from emprops.cli.tables import Column, show
from emprops.cli.times import ago, life_of
from emprops.kit.database import Transaction
from emprops.settings import Settings

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True, add_completion=False)
FIELDS = (
    "`id`, `prefix`, `name`, `scopes`, `user_id`, `state` (live, expired or revoked), `created_at`, `expires_at`,"
    " `last_used_at`, `revoked_at`"
)
COLUMNS = (
    Column("key"),
    Column("state"),
    Column("name", least=8),
    Column("scopes"),
    Column("user", rank=3),
    Column("created", ago, right=True, rank=1),
    Column("expires", ago, right=True),
    Column("last used", ago, right=True, rank=2),
)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who will use it, for the list.")],
    scope: Annotated[list[str], typer.Option(help="service, worker or read; may be given more than once.")],
    user: Annotated[UUID | None, typer.Option(help="The user it acts for when a request names none.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it works: 90d, 12h; without it, until revoked.")] = None,
    as_json: Annotated[bool, json_option("`id`, `prefix`, `name`, `scopes`, `user_id` and the `key` itself")] = False,
) -> None:
    """Make a key and print it, this once: only a digest is kept.

    For example:

        $ emprops keys create --name "web app" --scope service
        $ emprops keys create --name "rack 7" --scope worker --expires 90d
    """
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        fail(f"There is no scope {', '.join(unknown)}: use {', '.join(SCOPES)}.")
    life, scopes = life_of(expires, "--expires"), sorted(set(scope))

    async def add(tx: Transaction, _settings: Settings) -> key_service.MadeKey:
        return await key_service.create(tx, name=name, scopes=scopes, owner=user, life=life, actor=at_the_terminal())

    made = with_transaction(add)
    about = {"id": made.row.id, "prefix": f"emp_{made.row.prefix}", "name": name, "scopes": scopes, "user_id": user}
    answer(made.text, about | {"key": made.text}, as_json=as_json)
    say("Keep it now: it is not shown again. Send it as X-API-Key.")


@app.command(name="list")
def list_(as_json: Annotated[bool, json_option(f"a list of {FIELDS}")] = False) -> None:
    """List all keys, newest first, by their public parts."""

    async def read(tx: Transaction, _settings: Settings) -> list[store.ApiKey]:
        return await store.list_keys(tx)

    found = with_transaction(read)
    if as_json:
        print_json([fields_of(key) for key in found])
        return
    empty = "No API keys yet: make one with `emprops keys create --name … --scope service`."
    show(COLUMNS, [_row(key) for key in found], empty=empty)


@app.command()
def revoke(
    which: Annotated[str, typer.Argument(metavar="PREFIX|ID", help="emp_xxxxxxxx, or the row's id.")],
    as_json: Annotated[bool, json_option(FIELDS)] = False,
) -> None:
    """Make a key useless, for good."""
    prefix = re.fullmatch(r"emp_([a-z0-9]{8})(_.*)?", which)

    async def end(tx: Transaction, _settings: Settings) -> store.ApiKey | None:
        return await key_service.revoke(tx, prefix[1] if prefix else which.lower(), actor=at_the_terminal())

    key = with_transaction(end)
    if key is None:
        fail(f"There is no API key {which[:12]}: see `emprops keys list`.")
    ends = f"is revoked; it stops working everywhere within {REMEMBER:g} seconds"
    answer(f"emp_{key.prefix}_… ({clean(key.name)}) {ends}.", fields_of(key), as_json=as_json)


def _row(key: store.ApiKey) -> tuple[Any, ...]:
    scopes = ", ".join(key.scopes)
    times = key.created_at, key.expires_at, key.last_used_at
    return f"emp_{key.prefix}", state_of(key), key.name, scopes, key.owner_user_id, *times
