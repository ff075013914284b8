"""What an operator can mend, as a sentence. Imported only when something is wrong, because that takes a while."""

import psycopg

from emprops.connectors.registry import ConnectorLoadError
from emprops.kit.migrate import MigrationError
from emprops.local.process import LocalError
from emprops.queue.transport import WorkerRefusedError
from emprops.settings import SettingsError


def sentence_of(error: Exception) -> str | None:
    """Return what is wrong and what to do about it; None if the fault is ours."""
    if isinstance(error, (ConnectorLoadError, LocalError, MigrationError, SettingsError, WorkerRefusedError)):
        return str(error)
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "The database lacks tables of this version: run `emprops db upgrade`."
    if isinstance(error, psycopg.OperationalError):
        return f"PostgreSQL at DATABASE_URL cannot be reached: {' '.join(str(error).split())}"
    return None
