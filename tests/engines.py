"""The real engines of a test process: its own PostgreSQL and Redis, which chaos tests may kill and restart."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from emprops.kit import migrate
from emprops.local.postgres import Postgres, start_postgres
from emprops.local.redis import RedisServer, start_redis

DATABASE = "emprops_test"
REDIS_SERVER = os.environ.get("EMPROPS_REDIS_SERVER", "")
"""The Redis or Valkey that the suite runs on, as the setting of that name; empty: the wheel's."""
OUR_TABLES = """
SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity <> '')
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
ORDER BY c.relname
"""


class Engines:
    """PostgreSQL and Redis over private sockets in one temporary folder. URLs stay the same across restarts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="emprops-test-", dir="/tmp"))
        self._session: psycopg.Connection | None = None
        self.postgres: Postgres = self._start_postgres()
        try:
            self.redis: RedisServer = self._start_redis(persistent=False)
            self._redis_client = redis.Redis(unix_socket_path=self.redis_socket)
            migrate.upgrade(self.database_url)
            self._remember_migrated_rows()
        except BaseException:
            self.stop()
            raise

    @property
    def database_url(self) -> str:
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        return self.redis.url

    @property
    def redis_socket(self) -> str:
        return self.redis.url.removeprefix("unix://")

    def stop(self) -> None:
        if self._session is not None:
            self._session.close()
        self.postgres.stop()
        if hasattr(self, "redis"):
            self._redis_client.close()
            self.redis.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- faults

    def kill_postgres(self) -> None:
        """Immediate shutdown: sessions are cut, nothing is flushed; the next start recovers from the log."""
        self.postgres.process.send_signal(signal.SIGQUIT)
        self.postgres.process.wait(10)

    def restart_postgres(self) -> None:
        """Kill PostgreSQL unless it is down already, and start it again on the same data."""
        self.kill_postgres()
        self.postgres = self._start_postgres()

    def kill_redis(self) -> None:
        """SIGKILL: it is gone with everything in it."""
        self.redis.process.kill()
        self.redis.process.wait(10)

    def restart_redis(self, *, persistent: bool = False) -> None:
        """Kill Redis unless it is down already, and start one; it is empty unless the killed one was persistent."""
        self.kill_redis()
        self.redis = self._start_redis(persistent=persistent)

    # --- between tests

    def clean(self) -> None:
        """Bring both engines up if a test left one down, and to the state they have after the migration."""
        if self.postgres.process.poll() is not None:
            self.restart_postgres()
        if self.redis.process.poll() is not None:
            self.restart_redis()
        cleaner = self._cleaner()
        try:
            cleaner.execute("SELECT migrated.restore()")
        except psycopg.OperationalError:
            if not cleaner.closed:
                raise
            self._cleaner().execute("SELECT migrated.restore()")  # a test had cut all sessions
        self._redis_client.flushall()

    def _cleaner(self) -> psycopg.Connection:
        """The session that cleans: kept, because a new one reads the catalog for ten times as long as it cleans.

        The replica role switches off foreign keys, so that order and cycles do not matter, and triggers that protect
        rows.
        """
        if self._session is None or self._session.closed:
            options = "-c lock_timeout=5s -c session_replication_role=replica"
            self._session = psycopg.connect(self.database_url, options=options, autocommit=True)
        return self._session

    def _start_postgres(self) -> Postgres:
        return start_postgres(self.folder / "postgres", database=DATABASE, durable=False)

    def _start_redis(self, *, persistent: bool) -> RedisServer:
        return start_redis(self.folder / "redis", persistent=persistent, program=REDIS_SERVER)

    def _remember_migrated_rows(self) -> None:
        """Keep a copy of the rows that migrations insert, and make the function that restores that state.

        DELETE, because TRUNCATE makes new files for every table and costs a hundred times as much here.
        """
        statements = []
        with psycopg.connect(self.database_url) as connection:
            connection.execute("CREATE SCHEMA migrated")
            for name, has_identity in connection.execute(OUR_TABLES).fetchall():
                table, kept = sql.Identifier(name), sql.Identifier("migrated", name)
                statements.append(sql.SQL("DELETE FROM {}").format(table))
                if connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table)).fetchone() == (True,):
                    connection.execute(sql.SQL("CREATE TABLE {} AS TABLE {}").format(kept, table))
                    override = sql.SQL("OVERRIDING SYSTEM VALUE" if has_identity else "")
                    statements.append(sql.SQL("INSERT INTO {} {} TABLE {}").format(table, override, kept))
            body = sql.SQL("BEGIN {}; END").format(sql.SQL(";\n").join(statements))
            connection.execute(
                sql.SQL("CREATE FUNCTION migrated.restore() RETURNS void LANGUAGE plpgsql AS {}").format(
                    sql.Literal(body.as_string(connection))
                )
            )
