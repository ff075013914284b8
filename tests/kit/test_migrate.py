"""One process migrates, the others find it done; a schema that is not ours is refused."""

import subprocess
import sys
import threading
import time

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.engines import Engines
from tests.pooler import pgbouncer, pooled_uri

from emprops.kit import migrate

UPGRADE = "import sys; from emprops.kit import migrate; migrate.upgrade(sys.argv[1])"


@pytest.fixture
def empty_database(engines: Engines) -> str:
    """The URL of a fresh database next to the migrated one."""
    name = sql.Identifier(f"empty_{time.monotonic_ns()}")
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    return engines.database_url.replace("/emprops_test?", f"/{name.as_string().strip(chr(34))}?")


def test_five_processes_on_an_empty_database_migrate_it_once(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as watcher:
        processes = [
            subprocess.Popen([sys.executable, "-c", UPGRADE, empty_database], stderr=subprocess.PIPE, text=True)
            for _ in range(5)
        ]
        assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 5
        assert watcher.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    assert migrate.is_current(empty_database)


def test_behind_a_pooler_they_take_turns_as_well(empty_database: str, engines: Engines) -> None:
    """In transaction mode, where each transaction may have another session."""
    name = conninfo_to_dict(empty_database)["dbname"]
    with pgbouncer(engines.postgres.sockets) as sockets:
        url = pooled_uri(sockets, str(name))
        processes = [
            subprocess.Popen([sys.executable, "-c", UPGRADE, url], stderr=subprocess.PIPE, text=True) for _ in range(3)
        ]
        assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 3
    assert migrate.is_current(empty_database)


def test_with_nothing_to_do_nothing_is_locked_or_run(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "take_lock", None)
    migrate.upgrade(engines.database_url)


def test_a_newer_schema_is_refused(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    with pytest.raises(migrate.MigrationError, match="revision 9999, this version of emprops knows up to"):
        migrate.upgrade(empty_database)
    assert not migrate.is_current(empty_database)


def test_a_revision_that_fails_is_rolled_back_and_says_why(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE TABLE app_user (in_the_way text)")
    with pytest.raises(migrate.MigrationError, match=r'0001_core\.sql failed .* "app_user" already exists'):
        migrate.upgrade(empty_database)
    assert migrate.current(empty_database) is None


def test_revisions_before_the_one_that_fails_stay(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE TABLE api_key (in_the_way text)")
    with pytest.raises(migrate.MigrationError, match="0003_api_key"):
        migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == "0002"
    with psycopg.connect(empty_database) as connection:
        connection.execute("DROP TABLE api_key")
    migrate.upgrade(empty_database)
    assert migrate.is_current(empty_database)


def test_revisions_are_numbered_without_a_gap() -> None:
    assert [int(name) for name in migrate.known_revisions()] == list(range(1, len(migrate.known_revisions()) + 1))


def test_waiting_for_another_migration_has_an_end(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", 0.05)
    with psycopg.connect(empty_database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [migrate.LOCK])
        with pytest.raises(migrate.MigrationError, match="Another process has been migrating"):
            migrate.upgrade(empty_database)
    assert migrate.current(empty_database) is None


def test_a_process_that_waited_finds_the_work_done(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    monkeypatch.setattr(migrate, "run_missing", runs.append)
    with psycopg.connect(empty_database, autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [migrate.LOCK])
        second = threading.Thread(target=migrate.upgrade, args=[empty_database])
        second.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = %s"
        while first.execute(waiting, [migrate.LOCK]).fetchone() == (0,):
            pass
        first.execute("CREATE TABLE alembic_version (version_num text)")
        first.execute("INSERT INTO alembic_version VALUES (%s)", [migrate.known_revisions()[-1]])
        first.execute("SELECT pg_advisory_unlock(%s)", [migrate.LOCK])
        second.join(10)
    assert runs == []
