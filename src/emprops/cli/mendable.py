"""What an operator can mend, as a sentence. Imported only when something is wrong, because that takes a while."""

import psycopg
from redis.exceptions import RedisError

from emprops.connectors.registry import ConnectorLoadError
from emprops.errors import AppError
from emprops.kit.migrate import MigrationError
from emprops.local.errors import LocalError
from emprops.queue.transport import WorkerRefusedError
from emprops.settings import SettingsError


def sentence_of(error: Exception) -> str | None:
    """Return what is wrong and what to do about it; None if the fault is ours."""
    if isinstance(error, AppError):
        return error.message
    if isinstance(error, (ConnectorLoadError, LocalError, MigrationError, SettingsError, WorkerRefusedError)):
        return str(error)
    if isinstance(error, (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)):
        return "The database lacks tables of this version: run `emprops db upgrade`."
    if isinstance(error, psycopg.OperationalError):
        return f"PostgreSQL at DATABASE_URL cannot be reached: {' '.join(str(error).split())}"
    if isinstance(error, RedisError):
        return f"Redis at REDIS_URL cannot be used: {' '.join(str(error).split())}"
    return None
