"""Get the peers from PyPI and npm into a scratch folder, and run them."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import orjson
import psycopg

from bench.parts.cycles import free_port
from emprops.local.process import spawn, stop

SCRATCH = Path(".tools/race")
HOMEMADE = ("fastapi", "uvicorn[standard]", "asyncpg", "arq", "hiredis")
BULLMQ = ("bullmq@6", "ioredis@5")
HERE = Path(__file__).parent
UV = shutil.which("uv") or ".tools/bin/uv"


def install_homemade() -> Path:
    """Return the folder of programs of the home-made stack's environment."""
    venv = SCRATCH / "homemade"
    if not (venv / "bin/arq").exists():
        subprocess.run([UV, "venv", "--quiet", "--allow-existing", venv], check=True)
        subprocess.run([UV, "pip", "install", "--quiet", "--python", venv / "bin/python", *HOMEMADE], check=True)
    return (venv / "bin").absolute()


def install_bullmq() -> Path | None:
    """Return the folder of BullMQ's modules; None without Node."""
    folder = SCRATCH / "bullmq"
    if shutil.which("npm") is None:
        return None
    if not (folder / "node_modules/bullmq").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *BULLMQ]
        subprocess.run(command, check=True)
    return (folder / "node_modules").absolute()


@asynccontextmanager
async def homemade(place: Path, database_url: str, redis_url: str) -> AsyncIterator[tuple[int, dict[str, int]]]:
    """Run the home-made stack on these engines; gives its port and the ids of its processes."""
    programs, port = install_homemade(), free_port()
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("CREATE DATABASE homemade")
    env = os.environ | {
        "RACE_DATABASE": re.sub(r"/\w+(?=$|\?)", "/homemade", database_url),
        "RACE_REDIS": redis_url,
        "PYTHONPATH": str(HERE),
    }
    commands = {
        "api": ["uvicorn", "homemade:app", "--port", str(port), "--log-level", "error", "--no-access-log"],
        "worker": ["arq", "homemade.WorkerSettings"],
    }
    with ExitStack() as stack:
        pids = {}
        for name, (program, *options) in commands.items():
            child = spawn(
                [str(programs / program), *options], folder=place, log=place / f"homemade-{name}.log", env=env
            )
            stack.callback(stop, child)
            pids[name] = child.pid
            await answers(port)
        yield port, pids


async def answers(port: int) -> None:
    """Return when something listens there."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def bullmq(modules: Path, socket: str, jobs: int) -> dict[str, float]:
    """Return BullMQ's rates, jobs a second, by name."""
    command = ["node", str(HERE / "bullmq.js"), socket, str(jobs)]
    done = subprocess.run(
        command, env=os.environ | {"NODE_PATH": str(modules)}, stdout=subprocess.PIPE, check=True, timeout=600
    )
    rates: dict[str, float] = orjson.loads(done.stdout)
    return rates
