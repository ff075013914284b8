"""The guarded client against real sockets on loopback: what it reaches, what it refuses, where it stops."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpcore2
import pytest
from tests.certificates import certificate_for

from emprops.kit.outbound.client import GuardedClient, OutboundError, OutboundUnavailableError
from emprops.kit.outbound.guard import Allowed, checked_url
from emprops.settings import Settings

Reply = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A listener on loopback that keeps every byte it is sent."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def listener(reply: Reply, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    seen = Server()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            seen.heads.append(head)
            await reply(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    async with server:
        yield seen


def leftovers(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def answer(body: bytes, status: str = "200 OK", **headers: str) -> Reply:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    raw = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{lines}\r\n".encode() + body

    async def reply(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return reply


@asynccontextmanager
async def client(allow: str = "", names: dict[str, list[str]] | None = None) -> AsyncIterator[GuardedClient]:
    """A client whose resolver knows these names only; each list is given once, its last entry for ever after."""
    answers = {name: [entry.split() for entry in entries] for name, entries in (names or {}).items()}

    async def resolver(host: str, _port: int) -> list[str]:
        if host not in answers:
            if host.replace(".", "").isdigit() or ":" in host:
                return [host]
            raise OSError("unknown name")
        return answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]

    guarded = GuardedClient(Settings(outbound_allow=allow), resolver=resolver)
    try:
        yield guarded
    finally:
        await guarded.close()


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


async def test_redirects_are_limited_and_drop_credentials() -> None:
    async with listener(answer(b"end")) as last:

        async def hop(head: bytes, writer: asyncio.StreamWriter) -> None:
            number = int(head.split()[1].strip(b"/") or b"0")
            where = f"/{number - 1}" if number else f"http://127.0.0.1:{last.port}/end"
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()

        async with listener(hop) as server, client(allow="127.0.0.1") as guarded:
            headers = {"Authorization": "Bearer x", "X-Key": "k", "Accept": "a/b"}
            response = await guarded.request("GET", f"{server.url}/2", headers=headers, redirects=3)
            assert response.body == b"end"
            assert all(b"Bearer x" in head or b"bearer x" in head.lower() for head in server.heads)
            final = last.heads[0].lower()
            assert b"bearer" not in final
            assert b"x-key" not in final
            assert b"accept: a/b" in final
            with pytest.raises(OutboundError, match="more than 3 times"):
                await guarded.request("GET", f"{server.url}/3", redirects=3)
            assert (await guarded.request("GET", f"{server.url}/3")).status == 302


async def test_a_gzip_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with (
        listener(answer(bomb, Content_Encoding="gzip")) as server,
        client(allow="127.0.0.1") as guarded,
    ):
        with pytest.raises(OutboundError, match="larger than 1000000 bytes"):
            await guarded.download(server.url, tmp_path / "file", 1_000_000)
        assert leftovers(tmp_path) == []


async def test_compressed_answers_are_unpacked_or_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"x" * 300_000)
    for body, encoding, expected in [
        (packed, "gzip", None),
        (packed[:-9], "gzip", OutboundUnavailableError),
        (b"not gzip", "gzip", OutboundError),
        (b"whatever", "zstd", OutboundError),
    ]:
        async with (
            listener(answer(body, Content_Encoding=encoding)) as server,
            client(allow="127.0.0.1") as guarded,
        ):
            if expected is None:
                assert (await guarded.download(server.url, tmp_path / "file", 10**6)).size == 300_000
            else:
                with pytest.raises(expected):
                    await guarded.request("GET", server.url)


async def test_an_endless_body_stops_at_the_limit_of_bytes(tmp_path: Path) -> None:
    async def endless(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with listener(endless) as server, client(allow="127.0.0.1") as guarded:
        with pytest.raises(OutboundError, match="larger than"):
            await guarded.download(server.url, tmp_path / "file", 3_000_000)
        assert leftovers(tmp_path) == []


async def test_a_body_that_never_comes_stops_at_the_limit_of_time(tmp_path: Path) -> None:
    stop = asyncio.Event()

    async def stuck(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        await stop.wait()

    async with listener(stuck) as server, client(allow="127.0.0.1") as guarded:
        with pytest.raises(OutboundUnavailableError, match=r"within 0.2 seconds"):
            await guarded.download(server.url, tmp_path / "file", 1000, timeout=0.2)
        stop.set()
        assert leftovers(tmp_path) == []


async def test_downloads_say_what_came(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 40
    async with (
        listener(answer(png, Content_Type="application/octet-stream")) as unnamed,
        listener(answer(b"abc", Content_Type="Image/WebP; q=1")) as named,
        client(allow="127.0.0.1") as guarded,
    ):
        assert (await guarded.download(unnamed.url, tmp_path / "a", 1000)).mime_type == "image/png"
        downloaded = await guarded.download(named.url, tmp_path / "b", 1000)
        assert (downloaded.mime_type, downloaded.size, downloaded.path.read_bytes()) == ("image/webp", 3, b"abc")


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        ("404 Not Found", b"no", OutboundError, "answered 404"),
        ("503 Busy", b"no", OutboundUnavailableError, "answered 503"),
        ("202 Accepted", b"soon", OutboundUnavailableError, "not there yet"),
        ("204 No Content", b"", OutboundError, "answered 204: there is no file"),
        ("206 Partial Content", b"half a s", OutboundError, "answered 206 with a part of the file"),
        ("200 OK", b"", OutboundError, "gave an empty file"),
    ],
)
async def test_what_is_no_whole_file_is_none(
    status: str, body: bytes, error: type[Exception], says: str, tmp_path: Path
) -> None:
    async with listener(answer(body, status)) as server, client(allow="127.0.0.1") as guarded:
        with pytest.raises(error, match=says):
            await guarded.download(server.url, tmp_path / "file", 1000)
        assert leftovers(tmp_path) == []


async def test_nobody_there_may_be_tried_again() -> None:
    async with listener(answer(b"")) as server:
        closed = server.port
    async with client(allow="127.0.0.1") as guarded:
        with pytest.raises(OutboundUnavailableError):
            await guarded.request("GET", f"http://127.0.0.1:{closed}/")
        with pytest.raises(OutboundUnavailableError, match="resolved"):
            await guarded.request("GET", "http://unknown.test/")


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


async def test_telling_somebody_reads_the_beginning_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def trickle(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 202 Accepted\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    monkeypatch.setattr("emprops.kit.outbound.bodies.PATIENCE", 0.1)
    async with (
        listener(answer(b"y" * 100_000)) as talkative,
        listener(answer(b"not gzip", Content_Encoding="gzip")) as odd,
        listener(trickle) as slow,
        client(allow="127.0.0.1") as guarded,
    ):

        async def tell(server: Server) -> tuple[int, bytes]:
            response = await guarded.post(server.url, headers={"x-a": "b"}, content=b"news", keep=10, timeout=5)
            return response.status, response.body

        assert await tell(talkative) == (200, b"y" * 10)
        assert await tell(odd) == (200, b"")
        status, body = await tell(slow)
        assert (status, set(body)) == (202, {ord("x")})
        assert talkative.heads[0].startswith(b"POST / HTTP/1.1\r\n")


async def test_what_went_wrong_is_told_without_addresses_and_headers(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with client(allow=f"box.test:{port}", names={"box.test": ["127.0.0.1"]}) as guarded:
        url = f"http://box.test:{port}/"
        with pytest.raises(OutboundUnavailableError, match=r"\(the connection failed or broke off\)\.$"):
            await guarded.request("GET", url)
        for value in ("s3cret\n", "s3cret\u20ac"):
            with pytest.raises(OutboundError, match="characters that cannot be sent") as caught:
                await guarded.request("GET", url, headers={"X-Key": value})
            assert "s3cret" not in caught.value.message
        server.close()
        await server.wait_closed()
        with pytest.raises(OutboundUnavailableError, match=r"could not be reached \(it refuses connections\)\.$"):
            await guarded.request("GET", url)
