"""``deploy/nginx/emprops.conf`` in a real nginx, in front of a real api."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from tests.apps import as_user, free_port, key_with
from tests.factories import make_job, make_user
from tests.flows.conftest import System, flow_settings, system
from websockets.asyncio.client import connect

__all__ = ["flow_settings", "system"]

CONF = Path(__file__).parents[2] / "deploy" / "nginx" / "emprops.conf"
LARGER_THAN_THE_USUAL_LIMIT = 2 * 1024 * 1024

if shutil.which("nginx") is None:
    if os.environ.get("CI") == "true":
        pytest.fail("nginx is missing; .ci/run installs it")
    pytest.skip("nginx is not installed", allow_module_level=True)


@pytest.fixture
async def nginx(system: System, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of nginx with the file as it is, but for its port, its TLS and where the api is."""
    port, api = free_port(), httpx2.URL(system.http.base_url)
    text = CONF.read_text().replace("127.0.0.1:3001", f"{api.host}:{api.port}").replace("443 ssl", f"127.0.0.1:{port}")
    text = re.sub(r"\s+ssl_certificate.*", "", text)
    folders = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = tmp_path / "nginx.conf"
    who = "user root;" if os.geteuid() == 0 else ""  # else its workers cannot write to the folders of the test
    main.write_text(
        f"{who} daemon off; pid {tmp_path}/pid; error_log stderr; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; {folders} {text} }}"
    )
    process = await asyncio.create_subprocess_exec(
        *("nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(main)), stderr=asyncio.subprocess.PIPE
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            async with asyncio.timeout(20):
                while True:
                    try:
                        await client.get("/health")
                        break
                    except httpx2.TransportError:
                        assert process.returncode is None, (await process.stderr.read()).decode()  # type: ignore[union-attr]
                        await asyncio.sleep(0.05)
            yield client
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_what_goes_through(system: System, nginx: httpx2.AsyncClient) -> None:
    user = as_user(system.user_id) | {"user-id": str(system.user_id)}
    for path in ("/api/jobs", "/jobs", "/decks", "/ready"):
        answer = await nginx.get(path, headers=user)
        assert answer.status_code == 200, (path, answer.text)
    body = {"variables": {"prompt": "a" * LARGER_THAN_THE_USUAL_LIMIT}}
    large = await nginx.post("/api/collections/art/generate", json=body, headers=user)
    assert large.status_code == 413
    assert large.json()["code"] == "too_large", "the api says so, not nginx"


async def test_events_come_at_once(system: System, nginx: httpx2.AsyncClient) -> None:
    async with system.database.transaction() as tx:
        job = await make_job(tx, await make_user(tx, system.user_id), status="processing")
    headers = {"user-id": str(system.user_id)}
    async with nginx.stream("GET", f"/api/jobs/{job.id}/stream", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():  # the job never ends: what is buffered would never come
            if line.startswith("event: job_update"):
                break


async def test_websockets_go_through(system: System, nginx: httpx2.AsyncClient) -> None:
    made = await nginx.post("/ws/ticket", headers={"user-id": str(system.user_id)})
    address = f"ws://127.0.0.1:{nginx.base_url.port}/ws/client/page?ticket={made.json()['data']['ticket']}"
    async with connect(address) as socket:
        assert "connection_established" in str(await socket.recv())


async def test_uploads_of_workers_are_not_bounded_by_nginx(system: System, nginx: httpx2.AsyncClient) -> None:
    headers = await key_with("worker", system.database)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(130):
            yield bytes(1024 * 1024)

    answer = await nginx.put("/worker/files/generations/none/none-1-00000000-0.png", content=body(), headers=headers)
    assert answer.status_code in {400, 403, 404, 409}, answer.text
    assert "code" in answer.json(), "it is the api that refuses"
