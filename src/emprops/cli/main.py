"""The ``emprops`` command. Every sub-command is one line of ``COMMANDS``."""

from typing import Annotated

import typer

from emprops import __version__
from emprops.cli.lazy import LazyGroup, Place

COMMANDS = {
    "up": Place("emprops.cli.up:up", "Start everything on this machine: PostgreSQL, Redis, the api and a worker."),
    "generate": Place("emprops.cli.generate:generate", "Generate from a collection, watch it, and print the result."),
    "price": Place("emprops.cli.prices:price", "Print what a generation would cost."),
    "jobs": Place("emprops.cli.jobs:app", "List the newest jobs; show, cancel and retry them."),
    "assets": Place("emprops.cli.assets:app", "Bring files to generate from; list and delete them."),
    "collections": Place("emprops.cli.collections:collections", "List what can be generated from."),
    "workers": Place("emprops.cli.workers:app", "List the live workers; pause and resume them."),
    "dead-letters": Place("emprops.cli.dead_letters:app", "List steps that used up their tries; offer them again."),
    "queue": Place("emprops.cli.queue:queue", "Show what waits and runs, and how many workers it needs."),
    "api": Place("emprops.cli.serve:api", "Serve the HTTP API."),
    "upkeep": Place("emprops.cli.serve:upkeep", "Run the upkeep services in a process of their own."),
    "worker": Place("emprops.cli.work:worker", "Pull jobs from the queue and run them."),
    "db": Place("emprops.cli.db:app", "Migrate the database; plant the samples."),
    "credits": Place("emprops.cli.credits:app", "Give users credits; see what they have."),
    "comfy": Place("emprops.cli.comfy:app", "Convert the workflows of a ComfyUI."),
    "keys": Place("emprops.cli.keys:app", "Create, list and revoke API keys."),
    "reviews": Place("emprops.cli.reviews:app", "Decide about what moderation held."),
    "quotas": Place("emprops.cli.quotas:app", "Limit what users, API keys and collections may have."),
    "policies": Place("emprops.cli.policies:app", "Say what job types may be used for, by whom, and for how much."),
    "users": Place("emprops.cli.users:app", "Grant users roles, such as that of an author."),
    "audit": Place("emprops.cli.audit:app", "List, export and check who did what to whom."),
    "webhooks": Place("emprops.cli.webhooks:app", "Make webhook endpoints; send again what they missed."),
    "console": Place("emprops.cli.console:app", "Print a link that signs in to the console."),
    "token": Place("emprops.cli.token:token", "Print a token for trying things out."),
}
"""Name → where its function, or its Typer app, is. Loaded when called for: a worker needs no web framework, and what
starts the processes needs none of their libraries."""

EPILOG = (
    "Results go to stdout, everything else to stderr. A pipe gets lists with a heading, tabs between all columns and"
    " nothing cut; --json prints JSON, and the fields that a command's help names stay.\n\n"
    "Exit codes: 0 it is done; 1 it cannot be done, and one sentence says why; 2 the command is not written like this;"
    " 130 Ctrl-C.\n\n"
    "`emprops --install-completion` lets your shell complete commands and options."
)


class Commands(LazyGroup):
    """All commands."""

    places = COMMANDS


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, epilog=EPILOG)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emprops {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")]


@app.callback()
def emprops(version: Version = False) -> None:
    """Self-hostable backend for generative media."""


if __name__ == "__main__":
    app()
