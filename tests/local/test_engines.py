"""The embedded engines keep what was acknowledged, replace leftovers, and never outlive their parent."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest
import redis
from tests.engines import REDIS_SERVER

from emprops.local.errors import LocalError
from emprops.local.postgres import Postgres, start_postgres
from emprops.local.process import is_alive
from emprops.local.redis import RedisServer, start_redis

START_BOTH = """
import sys
from pathlib import Path
from emprops.local.postgres import start_postgres
from emprops.local.redis import start_redis
folder = Path(sys.argv[1])
postgres, redis = start_postgres(folder / "postgres", durable=False), start_redis(folder / "redis", program=sys.argv[2])
print(postgres.process.pid, redis.process.pid, postgres.url, redis.url, flush=True)
sys.stdin.read()
"""

START_CHILD = """
import sys, time
from pathlib import Path
from emprops.local.process import spawn
folder = Path(sys.argv[1])
print(spawn(["/bin/sleep", "60"], folder=folder, log=folder / "log").pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: pytest's own are too long for a socket."""
    with TemporaryDirectory(prefix="emprops-test-", dir="/tmp") as name:
        yield Path(name)


def put(postgres_url: str, redis_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept (value text)")
        connection.execute("INSERT INTO kept VALUES ('row')")
    with redis.Redis.from_url(redis_url) as client:
        client.set("kept", "key")


def kept(postgres: Postgres, server: RedisServer) -> tuple[object, object]:
    with psycopg.connect(postgres.url) as connection, redis.Redis.from_url(server.url) as client:
        return connection.execute("SELECT value FROM kept").fetchall(), client.get("kept")


def start_both(folder: Path) -> tuple[Postgres, RedisServer]:
    return start_postgres(folder / "postgres", durable=False), start_redis(folder / "redis", program=REDIS_SERVER)


def stop_both(postgres: Postgres, server: RedisServer) -> None:
    postgres.stop()
    server.stop()


def test_data_survive_a_stop_and_the_url_stays(folder: Path) -> None:
    first = start_both(folder)
    put(first[0].url, first[1].url)
    stop_both(*first)
    assert first[0].process.poll() == 0
    assert first[1].process.poll() == 0
    second = start_both(folder)
    try:
        assert kept(*second) == ([("row",)], b"key")
        assert (second[0].url, second[1].url) == (first[0].url, first[1].url)
    finally:
        stop_both(*second)


def test_a_killed_parent_takes_the_engines_along_and_the_next_start_finds_the_data(folder: Path) -> None:
    command = [sys.executable, "-c", START_BOTH, str(folder), REDIS_SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        postgres_pid, redis_pid, postgres_url, redis_url = parent.stdout.readline().split()
        servers = [psutil.Process(int(postgres_pid)), psutil.Process(int(redis_pid))]
        put(postgres_url, redis_url)
        parent.kill()
    both = start_both(folder)
    try:
        assert not any(is_alive(server) for server in servers)
        assert kept(*both) == ([("row",)], b"key")
    finally:
        stop_both(*both)


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is Linux's prctl")
def test_the_leash_ends_a_child_whose_parent_is_killed(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START_CHILD, str(folder)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert wait_gone(child)


def wait_gone(process: psutil.Process) -> bool:
    """Wait for the end of a process that is not ours to reap; False after 5 seconds."""
    with suppress(psutil.TimeoutExpired):
        process.wait(5)
    return not is_alive(process)


def test_servers_left_running_are_replaced(folder: Path) -> None:
    first = start_both(folder)
    put(first[0].url, first[1].url)
    second = start_both(folder)
    try:
        assert first[0].process.wait(5) == 0
        assert first[1].process.wait(5) == 0
        assert kept(*second) == ([("row",)], b"key")
    finally:
        stop_both(*second)


def test_a_lock_with_the_number_of_a_stranger_does_not_prevent_the_start(folder: Path) -> None:
    start_postgres(folder / "postgres", durable=False).stop()
    owner = (folder / "postgres" / "data").stat()
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid if os.geteuid() == 0 else None) as stranger:
        lock = folder / "postgres" / "data" / "postmaster.pid"
        lock.write_text(f"{stranger.pid}\n{lock.parent}\n1700000000\n5432\n{lock.parent}\n\n  1 2\nready\n")
        server = start_postgres(folder / "postgres", durable=False)
        server.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_an_interrupted_first_start_is_begun_again(folder: Path) -> None:
    unfinished = folder / "postgres" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_text("")
    server = start_postgres(folder / "postgres", durable=False)
    server.stop()
    assert not unfinished.exists()


def test_a_folder_with_something_else_is_refused_and_left_alone(folder: Path) -> None:
    precious = folder / "postgres" / "data" / "precious"
    precious.parent.mkdir(parents=True)
    precious.write_text("photos")
    with pytest.raises(LocalError, match="not a PostgreSQL database"):
        start_postgres(folder / "postgres", durable=False)
    assert precious.read_text() == "photos"


def test_a_broken_database_is_one_sentence_with_the_log(folder: Path) -> None:
    start_postgres(folder / "postgres", durable=False).stop()
    control = folder / "postgres" / "data" / "global" / "pg_control"
    control.write_bytes(bytes(control.stat().st_size))
    with pytest.raises(LocalError, match=r"PostgreSQL did not start \(.*\); its log is .*/postgres\.log"):
        start_postgres(folder / "postgres", durable=False)


def test_a_redis_that_cannot_start_is_one_sentence_with_the_log(folder: Path) -> None:
    (folder / "redis").mkdir()
    (folder / "redis" / "dump.rdb").mkdir()
    (folder / "redis" / "appendonly.aof").mkdir()
    (folder / "redis" / "appendonlydir").write_text("what Redis 7 keeps a folder for")
    with pytest.raises(LocalError, match=r"Redis did not start \(.*\); its log is .*/redis\.log"):
        start_redis(folder / "redis", program=REDIS_SERVER)
    assert (folder / "redis" / "appendonlydir").exists()


def test_files_that_redis_cannot_read_are_set_aside_and_it_starts_empty(folder: Path) -> None:
    """Damaged ones here; those of a newer server are refused with the same words."""
    (folder / "redis").mkdir()
    (folder / "redis" / "appendonly.aof").write_text("nonsense\r\n" * 10)
    server = start_redis(folder / "redis", program=REDIS_SERVER)
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.dbsize() == 0
        assert server.aside is not None
        assert str(server.aside) in server.note()
        kept = [path for path in server.aside.rglob("appendonly.aof*") if path.is_file()]
        assert any("nonsense" in path.read_text() for path in kept)
    finally:
        server.stop()


ODD_NAMES = ["long" * 25, "a, b", "50% #1?x=%41", 'it\'s "mine" $HOME', "Größe 日本", "back\\slash"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_path_gets_plain_sockets_that_others_cannot_enter(folder: Path, name: str) -> None:
    deep = folder / name
    first = start_both(deep)
    stop_both(*first)
    again = start_both(deep)
    try:
        assert again[0].sockets == first[0].sockets
        for server in again:
            assert len(str(server.sockets)) < 50
            assert server.sockets.stat().st_mode & 0o077 == 0
        put(again[0].url, again[1].url)
    finally:
        stop_both(*again)
        for server in again:
            shutil.rmtree(server.sockets)


def test_what_the_engines_promise_is_configured(folder: Path) -> None:
    both = start_both(folder)
    try:
        with redis.Redis.from_url(both[1].url, decode_responses=True) as client:
            promised = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "port": "0"}
            assert {name: client.config_get(name)[name] for name in promised} == promised
        with psycopg.connect(both[0].url) as connection:
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SELECT version()").fetchone()[0].startswith("PostgreSQL 18")
    finally:
        stop_both(*both)
