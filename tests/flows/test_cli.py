"""The main job from a terminal: ``emprops generate``, ``jobs``, ``workers`` against a running api."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from tests.flows.conftest import System

pytestmark = pytest.mark.usefixtures("shared_worker")


async def emprops(system: System, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run a command as a user of this system would; its exit code and what it printed."""
    settings = system.settings
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from emprops.cli.main import app; app()",
        *arguments,
        env=os.environ
        | {
            "EMPROPS_URL": str(system.http.base_url),
            "EMPROPS_USER_ID": str(system.user_id),
            "EMPROPS_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": settings.redis_url,
            "COLUMNS": "500",
        }
        | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def content(path: str) -> bytes:
    return Path(path).read_bytes()


async def test_generate_prints_the_url_and_the_path(system: System) -> None:
    code, out, err = await emprops(system, "generate", "art", "--var", "prompt=a = b", "-v", "seed=4")
    assert code == 0, err
    url, path = out.split()
    assert content(path) == (await system.file(url)).content
    jobs = await system.get("/api/jobs?include=data")
    assert jobs[0]["data"]["variables"] == {"prompt": "a = b", "seed": 4}

    code, out, _ = await emprops(system, "jobs")
    assert code == 0
    assert jobs[0]["id"] in out
    assert url in out


async def test_generate_warns_of_unknown_variables(system: System) -> None:
    code, _, err = await emprops(system, "generate", "art", "-v", "prompt=x", "-v", "promt=y")
    assert code == 0, err
    assert "Warning: promt is no variable of this collection; did you mean prompt?" in err


async def test_a_job_from_a_terminal(system: System) -> None:
    code, out, err = await emprops(system, "generate", "art", "-v", "seed=9", "--quiet")
    assert code == 0, err
    [job] = await system.get("/api/jobs?limit=1")
    code, shown, _ = await emprops(system, "jobs", "show", job["id"])
    assert code == 0
    assert out.strip() in shown
    assert "seed=9" in shown
    code, listed, _ = await emprops(system, "jobs", "--json")
    assert json.loads(listed)[0]["id"] == job["id"]
    code, history, _ = await emprops(system, "jobs", "logs", job["id"])
    assert "Generation completed" in history
    for command, says in (("cancel", "completed"), ("retry", "completed")):
        code, _, err = await emprops(system, "jobs", command, job["id"])
        assert code == 1
        assert says in err
    code, found, _ = await emprops(system, "collections", "--public", "--json")
    assert "art" in {one["slug"] for one in json.loads(found)}


async def test_a_refusal_is_one_sentence(system: System) -> None:
    code, out, err = await emprops(system, "generate", "art", "-v", "style=none such")
    assert (code, out) == (1, "")
    assert err.startswith("Invalid variables: style: ")
    code, _, err = await emprops(system, "generate", "no-such-collection")
    assert code == 1
    assert err == "Collection not found: `emprops collections` lists yours, and with --public those of everybody.\n"
    code, _, err = await emprops(system, "generate", "art", "-v", "no equals sign")
    assert code == 1
    assert "name=value" in err


async def test_a_failed_job_says_why(system: System) -> None:
    missing = f"image={system.settings.base_url}/files/none.png"
    code, _, err = await emprops(system, "generate", "upscale", "-v", missing)
    assert code == 1
    assert "failed: " in err
    assert "none.png" in err


async def test_nobody_answers(system: System) -> None:
    code, _, err = await emprops(system, "jobs", EMPROPS_URL="http://127.0.0.1:9")
    assert code == 1
    assert "does not answer" in err


async def test_workers_lists_the_fleet(system: System) -> None:
    # the worker announces itself every few seconds; a finished job means that it lives
    await system.finished(await system.generate("story"))
    for _ in range(20):
        code, out, _ = await emprops(system, "workers")
        assert code == 0
        if "local_engine: ok" in out:
            break
    assert "local_image" in out
    assert "local_engine: ok" in out
