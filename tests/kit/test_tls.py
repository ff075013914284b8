"""Servers with certificates of a private authority: every client of ours trusts those that SSL_CERT_FILE names."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import orjson
import pytest
from tests.certificates import certificate_for

from emprops.cli import client as terminal
from emprops.connectors.comfyui.api import Api
from emprops.connectors.hosted import Bounds, client_for
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.outbound.tls import trusted
from emprops.settings import Settings, SettingsError
from emprops.worker.remote.heartbeat import RemoteHeartbeat
from emprops.worker.remote.link import RemoteLink
from emprops.worker.remote.server import Server

TERMS = {"worker_id": "w", "lease": 60.0, "poll": 10.0, "base_url": "https://localhost", "lost": []}


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A server that gives every request one answer; its certificate is ``server.pem``."""
    body = orjson.dumps({"data": TERMS, "error": None})
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    tls, _ = certificate_for("localhost", tmp_path)
    async with await asyncio.start_server(answer, "localhost", 0, ssl=tls) as server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"


async def by_link(url: str) -> None:
    link = RemoteLink(Server(url, "emp_key", "w"))
    try:
        await link.hello()
    finally:
        await link.close()


async def by_pulse(url: str) -> None:
    heartbeat = RemoteHeartbeat(Server(url, "emp_key", "w"), machine="m", patience=5.0)
    try:
        await asyncio.to_thread(heartbeat.beat, [])
        await asyncio.to_thread(heartbeat._call, "beat", {})
    finally:
        heartbeat.close()


async def by_hosted(url: str) -> None:
    async with client_for(url, ("application/json",), setting="X", idle=5.0, bounds=Bounds()) as client:
        assert (await client.get("/")).status_code == 200


async def by_comfyui(url: str) -> None:
    api = Api(url)
    try:
        await api.get("/system_stats")
    finally:
        await api.close()


async def by_guarded(url: str) -> None:
    client = GuardedClient(Settings(outbound_allow="localhost"))
    try:
        assert (await client.request("GET", url)).status == 200
    finally:
        await client.close()


async def by_terminal(url: str) -> None:
    await asyncio.to_thread(terminal.Server(url, {}).call, "GET", "/")


WAYS = [by_link, by_pulse, by_hosted, by_comfyui, by_guarded, by_terminal]


@pytest.mark.parametrize("way", WAYS)
async def test_a_private_authority_is_trusted_once_it_is_named(
    way: Callable[[str], Awaitable[None]], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(BaseException, match=r"CERTIFICATE_VERIFY_FAILED|certificate|could not be reached|away|^1$"):
        await way(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    await way(url)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_certificates_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(SettingsError, match=f"SSL_CERT_FILE={file} has no certificates that can be read"):
        trusted()


def test_an_authority_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert isinstance(trusted(), ssl.SSLContext)
    assert trusted() is trusted()
