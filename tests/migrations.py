"""A database as it was before a migration, for tests of what the migration does to an installation."""

import psycopg
from psycopg import sql
from tests.engines import DATABASE, Engines

from emprops.kit.ids import new_id
from emprops.kit.migrate import revision_files, run_revision


def database_before(engines: Engines, number: str) -> str:
    """Make a database with all migrations before this one, such as ``0005``; returns its URL."""
    name = f"before_{new_id().hex}"
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = engines.database_url.replace(DATABASE, name)
    with psycopg.connect(url) as connection:
        for revision in (name for name in revision_files() if name < number):
            migrate(connection, revision)
    return url


def migrate(connection: psycopg.Connection, number: str) -> None:
    """Run one migration."""
    run_revision(connection, number, revision_files()[number].read_bytes())
