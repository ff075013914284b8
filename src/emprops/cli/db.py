"""``emprops db``: the schema of the database."""

import asyncio
from typing import Annotated

import typer

from emprops.cli.exits import fail, one_sentence, read_settings
from emprops.kit import migrate
from emprops.local.run import read_run
from emprops.local.schema import dump_schema, schema_file
from emprops.local.supervisor import plant

app = typer.Typer(help="Migrate the database, plant samples, show the schema.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Bring the database to the newest revision."""
    with one_sentence():
        url = database_url()
        migrate.upgrade(url)
        typer.echo(f"The database is at revision {migrate.current(url)}.")


@app.command()
def samples() -> None:
    """Put the sample workflows and collections into the database, as `emprops up` does; again changes nothing."""
    with one_sentence():
        collections = asyncio.run(plant(database_url()))
    for slug, collection_id in sorted(collections.items()):
        typer.echo(f"{collection_id}  {slug}")


@app.command()
def current() -> None:
    """Print the revision the database is at, and whether it is the newest."""
    with one_sentence():
        revision = migrate.current(database_url())
    newest = migrate.known_revisions()[-1]
    typer.echo(f"{revision or 'none'} ({'newest' if revision == newest else f'newest is {newest}'})")


@app.command()
def schema(
    *, check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if the file is out of date.")] = False
) -> None:
    """Write migrations/schema.sql from a freshly migrated embedded database."""
    with one_sentence():
        dump = dump_schema()
    path = schema_file()
    if not check:
        path.write_text(dump)
    elif not path.exists() or path.read_text() != dump:
        fail("migrations/schema.sql does not match the migrations: run `emprops db schema` and commit the result.")


def database_url() -> str:
    """Return DATABASE_URL, else the database of the installation running here."""
    settings = read_settings()
    run = read_run(settings.data_dir)
    if not settings.database_url and run is None:
        fail("There is no database to look at: set DATABASE_URL, or start one with `emprops up`.")
    return settings.database_url or (run.database_url if run else "")
