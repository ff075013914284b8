"""The database schema: which revision a database is at, and bringing it to the newest one.

A revision is a file of plain SQL, ``migrations/NNNN_name.sql``; ``NNNN`` is its name in the database. Decision 36 says
why nothing but this module runs them.
"""

from pathlib import Path
from typing import Any

import psycopg

from emprops.kit.conninfo import conninfo

LOCK = 0x454D5052
"""The advisory lock that says "I am migrating": the letters EMPR."""
LOCK_TIMEOUT = 300.0
"""Seconds to wait for another process that migrates."""
SETTINGS = "SET LOCAL lock_timeout = 30000; SET LOCAL statement_timeout = 0; SET LOCAL timezone = 'UTC'"
"""Of each revision's transaction; of the session they would be lost behind a pooler in transaction mode."""
REPOSITORY_FOLDER = Path(__file__).parents[3] / "migrations"
PACKAGED_FOLDER = Path(__file__).parents[1] / "_migrations"


class MigrationError(Exception):
    """The schema cannot be brought to the newest revision; the message says why and what to do."""


def migrations_folder() -> Path:
    """Return the folder of the revisions: the repository's, or the one inside the installed package."""
    return PACKAGED_FOLDER if PACKAGED_FOLDER.exists() else REPOSITORY_FOLDER


def revision_files() -> dict[str, Path]:
    """Return the files of the revisions this version knows, by revision, oldest first."""
    files = sorted(migrations_folder().glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return {file.name[:4]: file for file in files}


def known_revisions() -> list[str]:
    """Return the revisions this version knows, oldest first."""
    return list(revision_files())


def current(database_url: str) -> str | None:
    """Return the revision a database is at; None when it was never migrated."""
    with connect(database_url) as connection:
        return read_revision(connection)


def is_current(database_url: str) -> bool:
    """Return whether a database is at the newest revision this version knows."""
    return current(database_url) == known_revisions()[-1]


def upgrade(database_url: str) -> None:
    """Bring a database to the newest revision; with nothing to do, that is one query.

    Processes that start together take turns, and all but the first find the work done. Raises
    :class:`MigrationError` if the database is newer than this version, another process holds the migration lock for
    more than 5 minutes, or a revision fails (each revision is one transaction; the earlier ones stay).
    """
    with connect(database_url) as connection:
        if not is_behind(connection):
            return
        with connection.transaction():
            take_lock(connection)
            if is_behind(connection):
                run_missing(database_url)


def connect(database_url: str, *, autocommit: bool = True) -> psycopg.Connection[Any]:
    """Open a connection outside the pool, which also works behind a pooler in transaction mode.

    Raises ``SettingsError`` for a URL that is none.
    """
    return psycopg.connect(
        conninfo(database_url),
        autocommit=autocommit,
        prepare_threshold=None,
        application_name="emprops-migrate",
    )


def read_revision(connection: psycopg.Connection[Any]) -> str | None:
    """Return what ``alembic_version`` says, None without such a table."""
    # not to_regclass: within a transaction it does not see a table that somebody else has made meanwhile
    found = "SELECT FROM pg_class WHERE relname = 'alembic_version' AND pg_table_is_visible(oid)"
    if connection.execute(found).fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


def is_behind(connection: psycopg.Connection[Any]) -> bool:
    """Return whether there is something to do. Raises :class:`MigrationError` for a revision that is not ours."""
    revision, known = read_revision(connection), known_revisions()
    if revision is not None and revision not in known:
        raise MigrationError(
            f"The database is at revision {revision}, this version of emprops knows up to {known[-1]}: "
            "upgrade emprops, or use another database."
        )
    return revision != known[-1]


def take_lock(connection: psycopg.Connection[Any]) -> None:
    """Take the migration lock, in a transaction that must be open; the lock is released when that ends.

    A lock of the session would mean nothing behind a pooler, which gives each transaction another session.
    """
    waits = f"SET LOCAL lock_timeout = {int(LOCK_TIMEOUT * 1000)}; SET LOCAL statement_timeout = 0"
    connection.execute(f"{waits}; SET LOCAL idle_in_transaction_session_timeout = 0")
    try:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(
            f"Another process has been migrating this database for {LOCK_TIMEOUT:g} seconds: wait for it to finish, "
            "or end its session in PostgreSQL, and start again."
        ) from error


def run_missing(database_url: str) -> None:
    """Run what is missing, each revision in a transaction with the note that it was run."""
    with connect(database_url) as connection:
        revision = read_revision(connection)
        for name, file in revision_files().items():
            if revision is None or name > revision:
                try:
                    run_revision(connection, name, file.read_bytes())
                except psycopg.Error as error:
                    raise MigrationError(f"Migration {file.name} failed and was rolled back: {error}") from error


def run_revision(connection: psycopg.Connection[Any], name: str, statements: bytes) -> None:
    """Run one revision and note it. The table is called as in the days of Alembic: older versions read it too."""
    with connection.transaction():
        connection.execute(SETTINGS)
        connection.execute(statements)
        connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES (%s)", [name])
