"""Which errors of PostgreSQL say what."""

import psycopg

UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError)
"""Errors that mean PostgreSQL is away or refuses work just now, not that the statement is wrong."""


def is_about_values(error: Exception) -> bool:
    """Return whether PostgreSQL refused the values it was given, so that trying again cannot help.

    Anything else of its passes, however long it takes: it is away, read-only, full, or at another revision.
    """
    if not isinstance(error, psycopg.Error):
        return False
    too_much = (error.sqlstate or "").startswith("54")  # program limit exceeded: a value too large for an index
    return too_much or isinstance(error, psycopg.DataError | psycopg.IntegrityError)


def is_outage(error: Exception) -> bool:
    """Return whether PostgreSQL is away, or refuses everything just now."""
    return isinstance(error, UNAVAILABLE) and not is_about_values(error)


def is_contention(error: Exception) -> bool:
    """Return whether others were in the way: a lock or a statement took too long, or two transactions waited for each
    other."""
    return isinstance(error, psycopg.Error) and error.sqlstate in {"40001", "40P01", "55P03", "57014"}
