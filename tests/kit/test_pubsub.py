"""Pokes over a real Redis, killed and started again."""

import asyncio

import pytest
import redis.asyncio
from structlog.testing import capture_logs
from tests.engines import Engines

from emprops.kit.pubsub import Poke, Pokes, Subscription, poke
from emprops.kit.redis import connect
from emprops.kit.tasks import stop_tasks


async def test_a_poke_between_two_waits_is_remembered_once() -> None:
    bell = Poke()
    assert not await bell.wait(0)
    bell.set()
    bell.set()
    assert await bell.wait(0.01)
    assert not await bell.wait(0.01)


async def test_pokes_reach_their_topic_only(engines: Engines, redis: redis.asyncio.Redis) -> None:
    async with Pokes(engines.redis_url, "pokes") as pokes:
        with pokes.listen("a") as first, pokes.listen("a") as second, pokes.listen("b") as other:
            for bell in (first, second, other):
                assert await bell.wait(5)  # connected: everybody is poked once
            await poke(redis, "pokes", ["x", "a"])
            assert await first.wait(5)
            assert await second.wait(5)
            assert not await other.wait(0)
            await poke(redis, "pokes", ["b", "a"])
            assert await other.wait(5)
        assert pokes._listeners == {}
        with pokes.listen("late") as late:
            await poke(redis, "pokes", ["late"])
            assert await late.wait(5)


async def test_all_topics_can_be_overheard(engines: Engines, redis: redis.asyncio.Redis) -> None:
    heard: list[list[str] | None] = []
    ends: list[list[str] | None] = []
    async with Pokes(engines.redis_url, "pokes") as pokes:
        with (
            pokes.overhear(lambda topics: heard.append(topics and list(topics))),
            pokes.overhear(lambda topics: ends.append(topics and list(topics)), kind="end"),
            pokes.listen("b") as bell,
        ):
            assert await bell.wait(5)
            await poke(redis, "pokes", ["a", "b"])
            assert await bell.wait(5)
            await poke(redis, "pokes", ["a", "end:a", "b"])
            assert await bell.wait(5)
        pokes.deliver(["c"])
    assert heard == [None, ["a", "b"], ["a", "b"]]
    assert ends == [None, ["a"]]


async def test_patterns_are_heard_with_their_channels_whatever_is_in_them(
    engines: Engines, redis: redis.asyncio.Redis
) -> None:
    heard: list[tuple[str, bytes]] = []
    connected, all_heard = asyncio.Event(), asyncio.Event()

    def hear(channel: str, data: bytes) -> None:
        heard.append((channel, data))
        if data == b"last":
            all_heard.set()
        if data == b"nonsense":
            raise ValueError

    subscription = Subscription(
        engines.redis_url, patterns=["worker:status:*", "machine:*:status"], hear=hear, connected=connected.set
    )
    with capture_logs() as logs:
        task = asyncio.create_task(subscription.run())
        async with asyncio.timeout(5):
            await connected.wait()
            while await redis.publish("machine:a:status", b"nonsense") == 0:
                pass
            await redis.publish("worker:other", b"not for us")
            await redis.publish("worker:status:b", b"last")
            await all_heard.wait()
        await stop_tasks([task])
    assert heard == [("machine:a:status", b"nonsense"), ("worker:status:b", b"last")]
    assert [line["event"] for line in logs] == ["message not taken up"]


async def test_it_comes_back_after_redis_did(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emprops.kit.pubsub.LONGEST_PAUSE", 0.2)
    async with Pokes(engines.redis_url, "pokes") as pokes:
        with capture_logs(), pokes.listen("a") as bell:
            assert await bell.wait(5)
            engines.kill_redis()
            engines.restart_redis()
            assert await bell.wait(10)
            async with connect(engines.redis_url) as client:
                await poke(client, "pokes", ["a"])
                assert await bell.wait(5)


async def test_a_dead_connection_is_noticed_by_its_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the subscription and then says nothing, not even to a ping."""
    monkeypatch.setattr("emprops.kit.pubsub.SILENCE", 0.05)
    monkeypatch.setattr("emprops.kit.pubsub.PING_TIMEOUT", 0.06)
    connections = 0
    second = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 2:
            second.set()
        try:
            while data := await reader.read(1000):
                if b"SUBSCRIBE" in data:
                    writer.write(b"*3\r\n$9\r\nsubscribe\r\n$5\r\npokes\r\n:1\r\n")
                elif b"PING" not in data:
                    writer.write(b"+OK\r\n" * data.count(b"*"))
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with capture_logs() as logs:
        async with server, Pokes(f"redis://127.0.0.1:{port}", "pokes"):
            async with asyncio.timeout(5):
                await second.wait()
    assert "no answer to PING" in str(logs)


async def test_it_waits_for_a_redis_that_is_not_there_yet(engines: Engines) -> None:
    engines.kill_redis()
    with capture_logs():
        async with Pokes(engines.redis_url, "pokes") as pokes:
            with pokes.listen("a") as bell:
                assert not await bell.wait(0.1)
                engines.restart_redis()
                assert await bell.wait(10)


async def test_a_subscription_comes_back_whatever_breaks_it(engines: Engines) -> None:
    connections = 0
    again = asyncio.Event()

    def connected() -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            raise ValueError("nobody expected this")
        again.set()

    subscription = Subscription(engines.redis_url, channels=["a"], hear=lambda *_: None, connected=connected)
    with capture_logs() as logs:
        task = asyncio.create_task(subscription.run())
        async with asyncio.timeout(5):
            await again.wait()
        await stop_tasks([task])
    assert [entry["event"] for entry in logs] == ["pokes broken off"]
