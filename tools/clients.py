"""``python -m tools.clients`` makes clients of the api in Python and TypeScript.

It does what docs/how-to/use-a-generated-client.md does, checks the page's programs with the strictest settings of mypy
and tsc, and runs them against a live installation.

What the generators warn of fails, and so does an operation that they leave out.
"""

import json
import os
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_server
from tempfile import TemporaryDirectory

from tools import openai_clients
from tools.client_programs import PINNED, ROOT, TSC, UV, Api, BrokenError, is_png, run

PAGE = ROOT / "docs" / "how-to" / "use-a-generated-client.md"
OURS = ("EMPROPS_", "DATABASE_URL", "REDIS_URL", "PORT")


def main() -> int:
    """Make, check and run both clients, and those of other APIs; returns the exit code."""
    began = time.monotonic()
    try:
        with TemporaryDirectory(prefix="emprops-clients-") as name, ThreadPoolExecutor() as threads:
            scratch = Path(name)
            installing = (install_python, install_typescript, openai_clients.install)
            installed = [threads.submit(install, scratch) for install in installing]
            with installation(scratch) as api:
                (scratch / "openapi.json").write_text(json.dumps(api.document))
                for done in installed:
                    done.result()
                using = (use_python, use_typescript, openai_clients.use_python, openai_clients.use_typescript)
                for used in [threads.submit(use, scratch, api) for use in using]:
                    print(f"clients: {used.result()}")
    except BrokenError as error:
        print(f"clients: {error}", file=sys.stderr)
        return 1
    print(f"clients: done in {time.monotonic() - began:.0f} s")
    return 0


def install_python(scratch: Path) -> None:
    """Install the generator, and what its clients need, into an environment of their own."""
    run("uv", UV, "venv", "--quiet", "--python", sys.executable, scratch / "venv")
    sync = ("pip", "sync", "--quiet", "--python", scratch / "venv/bin/python", "--require-hashes")
    run("uv", UV, *sync, PINNED / "requirements.lock")


def install_typescript(scratch: Path) -> None:
    """Install the generator and the compiler into a folder of their own."""
    folder = scratch / "typescript"
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_bytes((PINNED / name).read_bytes())
    run("npm ci", "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", cwd=folder)


def use_python(scratch: Path, api: Api) -> str:
    """Make the Python client and use it; returns what came of it."""
    binaries, client = scratch / "venv/bin", scratch / "client"
    paths = {"PATH": f"{binaries}:{os.environ['PATH']}", "PYTHONPATH": str(client), "MYPYPATH": str(client)}
    generate = ("generate", "--path", "openapi.json", "--output-path", "client", "--fail-on-warning")
    run("openapi-python-client", binaries / "openapi-python-client", *generate, cwd=scratch, **paths)
    made = {path.stem for path in client.glob("em_props_client/api/*/*.py")}
    if missing := {name for name in api.operations() if in_snake_case(name) not in made}:
        raise BrokenError(f"openapi-python-client leaves out {', '.join(sorted(missing))}")
    (scratch / "use.py").write_text(code_of("python"))
    run("mypy", binaries / "mypy", "--strict", "use.py", cwd=scratch, **paths)
    printed = run("use.py", binaries / "python", "use.py", api.url, api.user_id, cwd=scratch, **paths)
    return f"Python: {result_of(printed)}"


def use_typescript(scratch: Path, api: Api) -> str:
    """Make the TypeScript client and use it; returns what came of it."""
    folder = scratch / "typescript"
    binaries = folder / "node_modules/.bin"
    generate = (binaries / "openapi-typescript", "../openapi.json", "-o", "schema.d.ts")
    said = run("openapi-typescript", *generate, cwd=folder)
    if "warn" in said.lower() or "⚠" in said:
        raise BrokenError(f"openapi-typescript warns: {said}")
    types = (folder / "schema.d.ts").read_text()
    if missing := {name for name in api.operations() if f'operations["{name}"]' not in types}:
        raise BrokenError(f"openapi-typescript leaves out {', '.join(sorted(missing))}")
    (folder / "use.ts").write_text(code_of("typescript"))
    run("tsc", binaries / "tsc", *TSC, "use.ts", cwd=folder)
    return f"TypeScript: {result_of(run('use.js', 'node', 'use.js', api.url, api.user_id, cwd=folder))}"


def code_of(language: str) -> str:
    """Return the page's program."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    if len(found) != 1:
        raise BrokenError(f"{PAGE.name} has {len(found)} programs in {language}; one is used")
    return str(found[0])


def result_of(printed: str) -> str:
    """Return what a program printed, once its picture was looked at."""
    ended, found = printed.strip().splitlines()
    word, _, url = ended.partition(" ")
    if word != "completed" or not re.match(r"found \[\s*'", found):
        raise BrokenError(f"the program printed:\n{printed}")
    if not is_png(url):
        raise BrokenError(f"{url} is no picture")
    return ended


def in_snake_case(name: str) -> str:
    """Return what Python calls an operation: ``getJob`` is ``get_job``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def free_port() -> int:
    """Return a port of loopback that nobody has, below those that the system gives out by itself: nobody gets it before
    the api has it."""
    while True:
        port = random.randrange(10_000, 30_000)
        with suppress(OSError), create_server(("127.0.0.1", port)):
            return port


@contextmanager
def installation(scratch: Path) -> Iterator[Api]:
    """Run ``emprops up`` with a data folder of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = inherited | {"EMPROPS_DATA_DIR": str(scratch / "data"), "PORT": str(free_port())}
    command: Sequence[str] = (sys.executable, "-m", "emprops.cli.main", "up")
    with (scratch / "up.log").open("w+") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield wait_for(process, scratch)
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for(process: "subprocess.Popen[bytes]", scratch: Path) -> Api:
    """Return the installation once it is ready."""
    while "is ready at" not in (log := (scratch / "up.log").read_text()):
        if process.poll() is not None:
            raise BrokenError(f"emprops up ended:\n{log}")
        time.sleep(0.1)
    facts = json.loads((scratch / "data/run.json").read_text())
    with urllib.request.urlopen(f"{facts['url']}/openapi.json", timeout=30) as answer:
        return Api(facts["url"], facts["user_id"], json.load(answer))


if __name__ == "__main__":
    sys.exit(main())
