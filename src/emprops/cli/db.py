"""``emprops db``: the schema of the database."""

import asyncio
from typing import Annotated

import typer

from emprops.cli.direct import database_url
from emprops.cli.exits import fail, one_sentence, read_settings
from emprops.cli.output import answer, json_option, print_json
from emprops.cli.tables import Column, show
from emprops.kit import migrate
from emprops.local.schema import dump_schema, schema_file
from emprops.local.supervisor import plant

app = typer.Typer(
    help="Migrate the database, plant samples, show the schema.", no_args_is_help=True, add_completion=False
)
COLUMNS = (Column("collection"), Column("name"))


@app.command()
def upgrade(as_json: Annotated[bool, json_option("`revision`")] = False) -> None:
    """Bring the database to the newest revision."""
    with one_sentence():
        url = database_url(read_settings())
        migrate.upgrade(url)
        revision = migrate.current(url)
    answer(f"The database is at revision {revision}.", {"revision": revision}, as_json=as_json)


@app.command()
def samples(as_json: Annotated[bool, json_option("a list of `id`, `slug`")] = False) -> None:
    """Put the sample workflows and collections into the database, as `emprops up` does; again changes nothing."""
    with one_sentence():
        planted = asyncio.run(plant(database_url(read_settings())))
    rows = [(collection_id, slug) for slug, collection_id in sorted(planted.items())]
    if as_json:
        print_json([{"id": collection_id, "slug": slug} for collection_id, slug in rows])
        return
    show(COLUMNS, rows, empty="There are no samples.")


@app.command()
def current(as_json: Annotated[bool, json_option("`revision`, `newest`")] = False) -> None:
    """Print the revision the database is at, and whether it is the newest."""
    with one_sentence():
        revision = migrate.current(database_url(read_settings()))
    newest = migrate.known_revisions()[-1]
    text = f"{revision or 'none'} ({'newest' if revision == newest else f'newest is {newest}: `emprops db upgrade`'})"
    answer(text, {"revision": revision, "newest": newest}, as_json=as_json)


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
