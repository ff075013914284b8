"""The guarded client against real sockets on loopback: which hosts it reaches, and which it refuses."""

from pathlib import Path

import httpcore2
import pytest
from tests.certificates import certificate_for
from tests.kit.listener import answer, client, listener

from emprops.kit.outbound.client import GuardedClient, OutboundError, OutboundUnavailableError
from emprops.kit.outbound.guard import Allowed, checked_url
from emprops.settings import Settings


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "gopher://example.org/",
        "data:text/plain,hi",
        "//example.org/x",
        "/relative",
        "",
        "http://",
        "http:///path",
        "http://user@example.org/",
        "http://user:word@example.org/",
        "http://example.org:22/",
        "http://example.org:6379/",
        "http://example.org:0x50/",
        "http://example.org:99999/",
        "http://exa mple.org/",
        "http://example.org/\r\nX: y",
        "http://[::1",
        "http://example.org/" + "x" * 9000,
    ],
)
async def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(OutboundError):
        checked_url(url, Allowed())


def test_allow_list_is_read_strictly() -> None:
    allowed = Allowed.parse("localhost:8188, 10.0.0.7,[::1]:8080")
    assert allowed.has("LOCALHOST", 8188)
    assert not allowed.has("localhost", 80)
    assert allowed.has("10.0.0.7", 5000)
    assert allowed.has("::1", 8080)
    for nonsense in ("http://host", "host/path", "user@host", "host:port"):
        with pytest.raises(ValueError):
            Allowed.parse(nonsense)


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("loopback.test", "127.0.0.1"),
        ("mixed.test", "93.184.215.14 127.0.0.1"),
        ("wrapped.test", "::ffff:127.0.0.1"),
        ("six.test", "::1"),
    ],
)
async def test_the_canary_gets_nothing(name: str, addresses: str) -> None:
    """Port 80 cannot be listened on everywhere, so the port is opened for another host only: the address decides."""
    async with (
        listener(answer(b"secret")) as canary,
        client(allow=f"other.test:{canary.port}", names={name: [addresses]}) as guarded,
    ):
        with pytest.raises(OutboundError):
            await guarded.request("GET", f"http://{name}:{canary.port}/")
        with pytest.raises(OutboundError):
            await guarded._pool.request("GET", f"http://{name}:{canary.port}/")  # past the check of the URL
        assert canary.connections == 0


class Recorder(httpcore2.AsyncNetworkBackend):
    """A network that connects to nothing and remembers where it was asked to."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect_tcp(self, host: str, _port: int, *_args: object) -> httpcore2.AsyncNetworkStream:
        self.asked.append(host)
        raise httpcore2.ConnectError("not here")


async def test_a_name_that_changes_its_mind() -> None:
    """The address that was checked is the one connected to; the name is not looked up again in between."""
    network = Recorder()
    async with client(names={"rebind.test": ["93.184.215.14", "127.0.0.1"]}) as guarded:
        guarded._pool._network_backend._network = network
        with pytest.raises(OutboundUnavailableError):
            await guarded.request("GET", "http://rebind.test/")
        assert network.asked == ["93.184.215.14"]
        with pytest.raises(OutboundError):
            await guarded.request("GET", "http://rebind.test/")
        assert network.asked == ["93.184.215.14"]


@pytest.mark.parametrize("name", ["box.test", "other.test"])
async def test_tls_is_checked_against_the_name(name: str, tmp_path: Path) -> None:
    server_side, client_side = certificate_for("box.test", tmp_path)
    async with listener(answer(b"hello"), tls=server_side) as server:

        async def resolver(_host: str, _port: int) -> list[str]:
            return ["127.0.0.1"]

        guarded = GuardedClient(Settings(outbound_allow=name), resolver=resolver, ssl_context=client_side)
        try:
            if name == "box.test":
                assert (await guarded.request("GET", f"https://{name}:{server.port}/")).body == b"hello"
            else:
                with pytest.raises(OutboundUnavailableError, match="certificate"):
                    await guarded.request("GET", f"https://{name}:{server.port}/")
        finally:
            await guarded.close()


async def test_metadata_service_is_refused_even_when_listed() -> None:
    async with client(allow="meta.test", names={"meta.test": ["169.254.169.254"]}) as guarded:
        with pytest.raises(OutboundError):
            await guarded.request("GET", "http://meta.test/latest/")


async def test_a_listed_host_is_reached_with_its_name_and_without_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listener(answer(b"hello", Content_Type="text/plain", X_One="1")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        async with client(allow=f"box.test:{server.port}", names={"box.test": ["127.0.0.1"]}) as guarded:
            response = await guarded.request(
                "POST", f"http://box.test:{server.port}/a?b=c", headers={"X-Key": "k", "Host": "evil"}, content=b"{}"
            )
        assert (response.status, response.body, response.headers["x-one"]) == (200, b"hello", "1")
        head = server.heads[0].decode().lower()
        assert head.startswith("post /a?b=c http/1.1\r\n")
        assert f"host: box.test:{server.port}\r\n" in head
        assert "evil" not in head
        assert "x-key: k\r\n" in head
        assert "accept-encoding: identity\r\n" in head


async def test_redirects_are_checked_again(tmp_path: Path) -> None:
    async with listener(answer(b"secret")) as canary:
        target = f"http://inside.test:{canary.port}/"
        async with (
            listener(answer(b"", "302 Found", Location=target)) as server,
            client(
                allow=f"127.0.0.1:{server.port},other.test:{canary.port}", names={"inside.test": ["127.0.0.1"]}
            ) as guarded,
        ):
            with pytest.raises(OutboundError):
                await guarded.download(server.url, tmp_path / "file", 1000)
        assert canary.connections == 0
        assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: b"}, {"X-A": "ü"}, {"X A": "b"}])
async def test_headers_cannot_smuggle(headers: dict[str, str]) -> None:
    async with listener(answer(b"ok")) as server, client(allow="127.0.0.1") as guarded:
        with pytest.raises(OutboundError):
            await guarded.request("GET", server.url, headers=headers)
        assert server.heads == []


async def test_a_check_refuses_what_a_request_would_be_refused_for() -> None:
    names = {"inside.test": ["10.0.0.7"], "outside.test": ["93.184.215.14"]}
    async with client(allow="opened.test:8080", names=names | {"opened.test": ["10.0.0.7"]}) as guarded:
        for url in ("https://inside.test/", "https://outside.test:8443/", "ftp://outside.test/"):
            with pytest.raises(OutboundError):
                await guarded.check(url)
        with pytest.raises(OutboundUnavailableError, match="resolved"):
            await guarded.check("https://unknown.test/")
        await guarded.check("https://outside.test/")
        await guarded.check("http://opened.test:8080/")
        assert guarded.opened("http://opened.test:8080/")
        assert not guarded.opened("http://outside.test/")
