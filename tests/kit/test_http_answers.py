"""The guarded client against real sockets on loopback: what it takes of an answer, and where it stops."""

import asyncio
import gzip
from pathlib import Path

import pytest
from tests.kit.listener import Server, answer, client, leftovers, listener

from emprops.kit.outbound.client import OutboundError, OutboundUnavailableError


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
