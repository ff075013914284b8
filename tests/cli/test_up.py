"""``emprops up`` as its user meets it: a process that is started, used, interrupted, killed, and started again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest
from tests.apps import free_port
from tests.engines import REDIS_SERVER

from emprops.local.process import is_alive

COMMAND = [sys.executable, "-m", "emprops.cli.main", "up"]


class Up:
    """One run of the command, ready when made."""

    def __init__(self, data_dir: Path, port: int, **settings: str) -> None:
        self.data_dir, self.port = data_dir, port
        env = environment(data_dir, port) | settings
        self.process = subprocess.Popen(COMMAND, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.banner = self._read_banner()
        self.run = json.loads((data_dir / "run.json").read_text())
        self.tree = psutil.Process(self.process.pid).children(recursive=True)

    def _read_banner(self) -> str:
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "curl " in line:
                return "".join(lines)
        raise AssertionError(f"no banner, but: {self.process.communicate()[1]}")

    def child(self, name: str) -> psutil.Process:
        """The running api or worker."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if child.cmdline()[-1] == name)

    def stop(self, by: signal.Signals) -> None:
        """Ask for the end, and wait for it no longer than a machine with other work may need for what takes 10 seconds
        at most. Nothing it started may be left."""
        self.tree = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(by)
        self.stderr = self.process.communicate(timeout=20)[1]

    def survivors(self) -> list[psutil.Process]:
        return [process for process in self.tree if is_alive(process)]


def environment(data_dir: Path, port: int) -> dict[str, str]:
    ours = ("EMPROPS_", "DATABASE_URL", "REDIS_URL", "PORT")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return inherited | {"EMPROPS_DATA_DIR": str(data_dir), "PORT": str(port), "EMPROPS_REDIS_SERVER": REDIS_SERVER}


def refused(data_dir: Path, port: int) -> str:
    """Run the command where it must refuse; returns what it says."""
    result = subprocess.run(
        COMMAND, env=environment(data_dir, port), capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def count(run: dict[str, str], table: str) -> int:
    with psycopg.connect(run["database_url"]) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="emprops-test-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def start(folder: Path, port: int) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def begin(**settings: str) -> Up:
        started.append(Up(folder / "data", port, **settings))
        return started[-1]

    yield begin
    for up in started:
        up.process.kill()
        up.process.communicate()


def test_start_use_stop_and_start_again(start: Callable[[], Up], folder: Path, port: int) -> None:
    up = start()
    with urllib.request.urlopen(f"http://localhost:{port}/health", timeout=5) as answer:
        assert answer.status == 200
    assert up.run["url"] == f"http://localhost:{port}"
    assert up.run["pid"] == up.process.pid
    assert mode(folder / "data" / "run.json") == mode(folder / "data" / "local.json") == 0o600
    assert {log.name for log in (folder / "data" / "logs").iterdir()} == {
        "api.log", "worker.log", "postgres.log", "redis.log"
    }  # fmt: skip
    assert up.run["user_id"] in up.banner
    job = generate_as_the_banner_says(up)
    assert (job["status"], job["error_message"]) == ("completed", None)
    collections = count(up.run, "collection")

    assert "already running" in refused(folder / "data", port + 1)
    assert f"Port {port} is taken" in refused(folder / "other", port)

    up.stop(signal.SIGTERM)
    assert up.process.returncode == 0
    assert up.survivors() == []
    assert not (folder / "data" / "run.json").exists()

    again = start()
    assert again.run | {"pid": 0} == up.run | {"pid": 0}
    assert count(again.run, "collection") == collections > 0
    again.stop(signal.SIGINT)
    assert again.process.returncode == 0
    assert again.survivors() == []


def generate_as_the_banner_says(up: Up) -> dict:
    command = next(line.strip() for line in up.banner.splitlines() if "curl " in line)
    answer = json.loads(subprocess.run(["sh", "-c", f"{command} -s"], capture_output=True, check=True).stdout)
    assert answer["error"] is None
    return wait_for_job(up, answer["data"]["jobId"])


def wait_for_job(up: Up, job_id: str) -> dict:
    """Follow the job's stream, which ends with the job, and return its last state."""
    request = urllib.request.Request(f"{up.run['url']}/jobs/{job_id}/stream", headers={"user_id": up.run["user_id"]})
    last: dict = {}
    with urllib.request.urlopen(request, timeout=60) as stream:
        event = ""
        for raw in stream:
            field, _, value = raw.decode().strip().partition(": ")
            event = value if field == "event" else event
            if field == "data" and event == "job_update":
                last = json.loads(value)
    return last


def test_what_dies_is_started_again_and_a_kill_of_all_leaves_nothing(start: Callable[[], Up]) -> None:
    up = start()
    worker = up.child("worker")
    worker.kill()
    assert up.process.stderr is not None
    line = up.process.stderr.readline()
    assert "The worker ended with code -9; it starts again" in line
    assert str(up.data_dir / "logs" / "worker.log") in line

    postmaster = next(child for child in psutil.Process(up.process.pid).children() if child.name() == "postgres")
    postmaster.kill()
    lines = iter(up.process.stderr.readline, "")
    assert any("PostgreSQL ended with code -9; starting it again" in line for line in lines)
    give_up = time.monotonic() + 20
    while True:
        try:
            assert count(up.run, "collection") > 0
            break
        except psycopg.OperationalError:
            assert time.monotonic() < give_up

    collections = count(up.run, "collection")
    up.tree = psutil.Process(up.process.pid).children(recursive=True)
    up.process.kill()
    up.process.communicate()
    again = start()
    assert up.survivors() == []
    assert count(again.run, "collection") == collections
    again.stop(signal.SIGHUP)
    assert again.process.returncode == 0
    assert again.survivors() == []


class Endless(BaseHTTPRequestHandler):
    """A hosted service that is well, and never done with what it is asked for."""

    asked, released = threading.Event(), threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.asked.set()
        self.released.wait()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endless() -> Iterator[str]:
    """The address of a service that never answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    Endless.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_step_that_runs_at_the_end_is_handed_back(start: Callable[..., Up], endless: str) -> None:
    """Killed in mid-step instead, a worker would leave its work behind, and three stops would cost a job its life."""
    up = start(EMPROPS_OPENAI_BASE_URL=endless)
    job = {"service_required": "openai_chat", "payload": {"model": "m", "prompt": "hello"}}
    workflow = {"name": "endless", "label": "", "description": "", "type": "direct_job"}
    workflow |= {"output_mime_type": "text/plain", "data": {"form": {"fields": []}, "job": job}}
    post(up, "/api/workflows", workflow)
    recipe = {"version": "v2", "steps": [{"id": 1, "nodeName": "endless", "nodePayload": {}}], "variables": []}
    collection = post(up, "/api/collections", {"title": "endless", "data": recipe})["id"]
    post(up, f"/api/collections/{collection}/generate", {"variables": {}})
    assert Endless.asked.wait(30)
    up.stop(signal.SIGTERM)
    assert up.process.returncode == 0
    assert "handed back" in (up.data_dir / "logs" / "worker.log").read_text()


def post(up: Up, path: str, body: dict) -> dict:
    headers = {"user_id": up.run["user_id"], "content-type": "application/json"}
    request = urllib.request.Request(f"{up.run['url']}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())["data"]


def test_an_engine_that_cannot_start_is_one_sentence_and_leaves_nothing(folder: Path, port: int) -> None:
    (folder / "data" / "postgres" / "data").mkdir(parents=True)
    (folder / "data" / "postgres" / "data" / "photos").write_text("")
    assert "not a PostgreSQL database" in refused(folder / "data", port)
    here = str(folder)
    assert not [process for process in psutil.process_iter() if here in " ".join(command_of(process))]


def test_a_signal_during_the_start_ends_it(folder: Path, port: int) -> None:
    with subprocess.Popen(
        COMMAND, env=environment(folder / "data", port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not (folder / "data" / "lock").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")
    assert not [process for process in psutil.process_iter() if str(folder) in " ".join(command_of(process))]


def test_wrong_settings_are_one_sentence(folder: Path) -> None:
    env = environment(folder, 1) | {"PORT": "many"}
    result = subprocess.run(COMMAND, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert "PORT" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
