"""A real PgBouncer in transaction mode in front of a test process's PostgreSQL."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from emprops.local.postgres import SUPERUSER, choose_account, uri
from emprops.local.process import spawn, stop

PORT = 6432
CONFIGURATION = """
[databases]
* = host={postgres} port=5432 user={user}

[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 500
server_round_robin = 1
server_login_retry = 1
"""
"""``server_round_robin`` gives each transaction another session, as many busy clients would see it."""


@contextmanager
def pgbouncer(postgres: Path, *, sessions: int = 5) -> Iterator[Path]:
    """Run one for the server behind the socket folder ``postgres``; yields its own socket folder.

    Without the program the test is skipped, or fails where CI is true.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("pgbouncer is not installed")
    account = choose_account(postgres.parent / "data")  # it refuses root, too
    with TemporaryDirectory(prefix="emprops-test-", dir="/tmp") as name:
        folder = Path(name)
        values = {"postgres": postgres, "user": SUPERUSER, "port": PORT, "folder": folder, "sessions": sessions}
        (folder / "pgbouncer.ini").write_text(CONFIGURATION.format(**values))
        if account:
            for path in (folder, folder / "pgbouncer.ini"):
                os.chown(path, account.uid, account.gid)
        log = folder / "log"
        process = spawn([program, folder / "pgbouncer.ini"], folder=folder, log=log, account=account)
        try:
            give_up = time.monotonic() + 20
            while not _answers(folder):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < give_up
            yield folder
        finally:
            stop(process, by=signal.SIGINT)


def pooled_uri(sockets: Path, database: str) -> str:
    """The URI of a database through a PgBouncer."""
    return f"{uri(sockets, database)}&port={PORT}"


def _answers(sockets: Path) -> bool:
    try:
        psycopg.connect(pooled_uri(sockets, SUPERUSER), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
