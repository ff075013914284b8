"""``emprops users``: what users may do other than generate. Grants live in PostgreSQL, which these commands reach."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from emprops.audit.service import at_the_terminal
from emprops.auth import granting, role_store
from emprops.auth.caller import ROLES
from emprops.cli.direct import with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import answer, json_option, print_json
from emprops.cli.tables import Column, show
from emprops.cli.times import ago
from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page
from emprops.settings import Settings

SHOWN = 1_000
FIELDS = "`user_id`, `role`, `granted_at` and `granted_by`"
COLUMNS = (Column("user"), Column("role"), Column("granted", ago, right=True), Column("by"))

app = typer.Typer(help="Grant users roles, list them and take them back.", no_args_is_help=True, add_completion=False)

User = Annotated[UUID, typer.Argument(help="The user's id.")]
Role = Annotated[str, typer.Argument(help="author (makes collections), operator (runs everything) or viewer (reads).")]
AsJson = Annotated[bool, json_option(f"what the user has been granted: a list of {FIELDS}")]


@app.command()
def grant(user: User, role: Role, as_json: AsJson = False) -> None:
    """Grant a user a role. It holds from the next request on.

    For example:

        $ emprops users grant 0192f0c8-0000-7000-8000-00000000000a author
    """
    _check(role)

    async def add(tx: Transaction, _settings: Settings) -> list[role_store.Grant]:
        return await granting.grant(tx, user, role, actor=at_the_terminal(), by="cli")

    granted = with_transaction(add)
    answer(f"{user} has the role {role}.", [asdict(one) for one in granted], as_json=as_json)


@app.command()
def revoke(user: User, role: Role, as_json: AsJson = False) -> None:
    """Take a role back. What the user made with it stays."""
    _check(role)

    async def take(tx: Transaction, _settings: Settings) -> list[role_store.Grant] | None:
        return await granting.revoke(tx, user, role, actor=at_the_terminal())

    left = with_transaction(take)
    if left is None:
        fail(f"{user} was not granted the role {role}: see `emprops users list`.")
    answer(f"{user} no longer has the role {role}.", [asdict(one) for one in left], as_json=as_json)


@app.command(name="list")
def list_(as_json: Annotated[bool, json_option(f"a list of {FIELDS}")] = False) -> None:
    """List the roles that users were granted, newest first. Roles that come with tokens are not among them."""

    async def read(tx: Transaction, _settings: Settings) -> list[role_store.Grant]:
        return await role_store.list_grants(tx, Page(limit=SHOWN))

    found = with_transaction(read)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.user_id, one.role, one.granted_at, one.granted_by) for one in found]
    show(COLUMNS, rows, empty="No roles were granted: `emprops users grant USER author` makes an author.")


def _check(role: str) -> None:
    if role not in ROLES:
        fail(f"There is no role {role}: use {', '.join(ROLES[:-1])} or {ROLES[-1]}.")
