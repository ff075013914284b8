"""The database schema: which revision a database is at, and bringing it to the newest one.

Revisions are ``migrations/versions/NNNN_name.py`` with their SQL beside them; ``NNNN`` is the revision. Alembic runs
them, in a child process of its own (``emprops.kit.alembic_run``): it takes longer to import than a start with
nothing to do takes altogether.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

LOCK = 0x454D5052
"""The advisory lock that says "I am migrating": the letters EMPR."""
LOCK_TIMEOUT = 300.0
"""Seconds to wait for another process that migrates."""
URL_VARIABLE = "EMPROPS_MIGRATE_URL"
REPOSITORY_FOLDER = Path(__file__).parents[3] / "migrations"
PACKAGED_FOLDER = Path(__file__).parents[1] / "_migrations"


class MigrationError(Exception):
    """The schema cannot be brought to the newest revision; the message says why and what to do."""


def migrations_folder() -> Path:
    """Return the folder of the revisions: the repository's, or the one inside the installed package."""
    return PACKAGED_FOLDER if PACKAGED_FOLDER.exists() else REPOSITORY_FOLDER


def known_revisions() -> list[str]:
    """Return the revisions this version knows, oldest first."""
    files = (migrations_folder() / "versions").glob("[0-9]*_*.py")
    return sorted(match[1] for file in files if (match := re.match(r"(\d+)_", file.name)))


def current(database_url: str) -> str | None:
    """Return the revision a database is at; None when it was never migrated."""
    with connect(database_url) as connection:
        return read_revision(connection)


def is_current(database_url: str) -> bool:
    """Tell whether a database is at the newest revision this version knows."""
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
        take_lock(connection)
        if is_behind(connection):
            run_alembic(database_url)


def connect(database_url: str) -> psycopg.Connection[Any]:
    """Open a connection of our own in autocommit mode."""
    return psycopg.connect(database_url, autocommit=True, connect_timeout=10, application_name="emprops-migrate")


def read_revision(connection: psycopg.Connection[Any]) -> str | None:
    """Return what ``alembic_version`` says, None without such a table."""
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


def is_behind(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether there is something to do. Raises :class:`MigrationError` for a revision that is not ours."""
    revision, known = read_revision(connection), known_revisions()
    if revision is not None and revision not in known:
        raise MigrationError(
            f"The database is at revision {revision}, this version of emprops knows up to {known[-1]}: "
            "upgrade emprops, or use another database."
        )
    return revision != known[-1]


def take_lock(connection: psycopg.Connection[Any]) -> None:
    """Take the migration lock; it is released when the connection closes."""
    connection.execute(f"SET lock_timeout = {int(LOCK_TIMEOUT * 1000)}")
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(
            f"Another process has been migrating this database for {LOCK_TIMEOUT:g} seconds: wait for it to finish, "
            "or end its session in PostgreSQL, and start again."
        ) from error
    held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND pid = pg_backend_pid()"
    if connection.execute(held, [LOCK]).fetchone() is None:
        raise MigrationError(
            "DATABASE_URL goes through a pooler in transaction mode, which cannot hold the migration lock: "
            "run `emprops db upgrade` with a direct connection."
        )


def run_alembic(database_url: str) -> None:
    """Run the missing revisions in a child process. The URL may hold a password, so it goes by the environment."""
    result = subprocess.run(
        [sys.executable, "-m", "emprops.kit.alembic_run"],
        env=os.environ | {URL_VARIABLE: database_url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C at the terminal must not cut a revision short
    )
    if result.returncode:
        raise MigrationError(f"A migration failed and was rolled back:\n{result.stderr.strip()}")
