"""``emprops console``: sign in to the pages of the api. Links live in PostgreSQL, which this command reaches."""

from typing import Annotated, get_args
from uuid import UUID

import typer

from emprops.audit.service import at_the_terminal
from emprops.auth.local_user import local_user
from emprops.cli.direct import with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import answer, json_option, say
from emprops.kit.database import Transaction
from emprops.local.run import read_run
from emprops.sessions import links
from emprops.sessions.link_store import LIFE, NewLink
from emprops.sessions.ways import SessionRole, user_called
from emprops.settings import Settings

app = typer.Typer(help="Sign in to the console.", no_args_is_help=True, add_completion=False)

TERMINAL = "emprops:terminal"
"""Provider of the identities of those who log in on the server, by their login."""


@app.callback()
def console() -> None:
    """Sign in to the console."""


@app.command()
def link(
    role: Annotated[
        str, typer.Option(help="What the session may: operator, viewer (looks only) or user.")
    ] = "operator",
    user: Annotated[
        UUID | None, typer.Option(help="Who signs in; without it, who is logged in on this server.")
    ] = None,
    as_json: Annotated[bool, json_option("`url`, `user_id`, `role` and `expires_at`")] = False,
) -> None:
    """Print a link that signs somebody in once, within 15 minutes.

    For example:

        $ emprops console link
        $ emprops console link --role viewer
    """
    if role not in get_args(SessionRole):
        fail(f"There is no role {role}: use operator, viewer or user.")

    async def make(tx: Transaction, settings: Settings) -> tuple[links.MadeLink, str]:
        actor = at_the_terminal()
        made = await links.make(tx, NewLink(user or await _own(tx, settings, actor), role, actor), actor=actor)
        run = read_run(settings.data_dir)
        return made, made.url(run.url if run and not settings.public_url else settings.base_url)

    made, url = with_transaction(make)
    about = {"user_id": made.link.user_id, "role": role, "expires_at": made.link.expires_at}
    answer(url, {"url": url} | about, as_json=as_json)
    say(f"It works once, for {LIFE.total_seconds() / 60:g} minutes. Anyone who has it can use it.")


async def _own(tx: Transaction, settings: Settings, actor: str) -> UUID:
    if settings.mode == "local":
        return UUID(local_user(settings.data_dir))
    return await user_called(tx, TERMINAL, actor)
