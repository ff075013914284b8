"""The worker gateway: turns a second through an api, next to the same turns over Redis in the same round."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median

from bench.engines import both_in, folder
from bench.parts.cycles import ready
from bench.parts.reads import process
from bench.tables import print_table, rate, ratios, verdict
from bench.tickets import ticket
from emprops.auth import store
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.redis import connect
from emprops.queue.dispatch import BATCH, Queue
from emprops.queue.matching import Offer, WorkerOffers
from emprops.queue.messages import Finished
from emprops.queue.transport import Settled, Transport
from emprops.queue.worker_link import WorkerLink
from emprops.worker.remote.link import RemoteLink
from emprops.worker.remote.server import Server

WORKERS = 8
GOAL = 0.02
"""Share of the rate over Redis: enough for hundreds of machines whose steps take seconds."""
NAME = "gateway"
SMALL: WorkerOffers = {"noop": Offer()}
LARGE: WorkerOffers = {
    "noop": Offer(),
    "comfyui": Offer(
        models=frozenset(f"checkpoints/model-{n:04}.safetensors" for n in range(1_000)),
        custom_nodes=frozenset(f"NodeClassNumber{n:04}" for n in range(2_000)),
    ),
}
"""What a ComfyUI machine with many models and nodes offers."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rounds: int
    over_redis: int
    over_http: int


FULL = Size(rounds=3, over_redis=8_000, over_http=2_000)
QUICK = Size(rounds=1, over_redis=2_000, over_http=400)


async def turns(link: Transport, offers: WorkerOffers, count: int) -> None:
    """Claim one ticket a turn, and report it with the next."""
    done: list[Settled] = []
    for _ in range(count):
        turn = await link.turn(done, 1, offers)
        done = [Settled(claim, Finished()) for claim in turn.claims]
        assert done
    await link.turn(done, 0, offers)


async def turns_a_second(queue: Queue, links: Sequence[Transport], offers: WorkerOffers, count: int) -> float:
    for start in range(0, count, BATCH):
        await queue.enqueue([ticket() for _ in range(min(BATCH, count - start))])
    await asyncio.gather(*(link.turn([], 0, offers) for link in links))
    begun = time.perf_counter()
    await asyncio.gather(*(turns(link, offers, count // len(links)) for link in links))
    return count / (time.perf_counter() - begun)


async def key_in(database_url: str) -> str:
    key = make_key()
    database = Database(database_url, size=2)
    await database.open()
    try:
        async with database.transaction() as tx:
            await store.add_key(
                tx, prefix=key.prefix, digest=key.digest, name="bench", scopes=["worker"], owner=None, life=None
            )
    finally:
        await database.close()
    return key.text


async def run(*, quick: bool) -> bool:
    """Measure and print. Tells whether the goal was met."""
    size = QUICK if quick else FULL
    found: dict[str, list[float]] = {"Redis": [], "gateway": [], "gateway, 3,000 names": []}
    async with AsyncExitStack() as stack:
        place = stack.enter_context(folder())
        postgres, server = stack.enter_context(both_in(place))
        unlimited = {"EMPROPS_GATEWAY_CALLS_PER_SECOND": "1000000", "EMPROPS_UPKEEP_IN_API": "false"}
        api = ["emprops.cli.main", "api"]
        port = stack.enter_context(
            process(place, NAME, api, DATABASE_URL=postgres.url, REDIS_URL=server.url, **unlimited)
        )
        await ready(port, new_id())
        key = await key_in(postgres.url)
        redis = await stack.enter_async_context(connect(server.url))
        queue = Queue(redis, prefix=f"{NAME}:")
        direct = [WorkerLink(redis, prefix=f"{NAME}:", worker_id=f"worker-{n}") for n in range(WORKERS)]
        remote = [RemoteLink(Server(f"http://127.0.0.1:{port}", key, f"worker-{n}")) for n in range(WORKERS)]
        for link in remote:
            stack.push_async_callback(link.close)
        measures: dict[str, Callable[[], Awaitable[float]]] = {
            "Redis": lambda: turns_a_second(queue, direct, SMALL, size.over_redis),
            "gateway": lambda: turns_a_second(queue, remote, SMALL, size.over_http),
            "gateway, 3,000 names": lambda: turns_a_second(queue, remote, LARGE, size.over_http // 4),
        }
        for _ in range(size.rounds):
            for name, measure in measures.items():
                found[name].append(await measure())
    share = median(ratios(found["gateway"], found["Redis"]))
    passed = share >= GOAL
    rows = [[name, rate(rates), f"{median(ratios(rates, found['Redis'])):.3f}"] for name, rates in found.items()]
    print_table(f"turns a second, {WORKERS} workers, one step a turn", ["way", "turns/s", "of Redis"], rows)
    print(f"\n  at least {GOAL} of the rate over Redis: {verdict(passed)}")
    return passed
