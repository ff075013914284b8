"""The day of the benchmark: each time the same, and turns help those who ask for little."""

from typing import Any

import pytest
from bench.day.clock import Clock, ClockScripts, simulated
from bench.day.fleet import WORKERS, Fleet, Record, first_in_first_out
from bench.day.load import FLOODERS, MODELS, OCCASIONAL, Job, day

from emprops.queue.scripts import FOLDER

NIGHT = (2, 5)


def users_of(bursts: list[list[Job]]) -> set[str]:
    return {burst[0].user for burst in bursts}


def flood() -> list[list[Job]]:
    """A flooder sends 200 jobs, and in the next minutes others send one each."""
    model = MODELS[0]
    sent = [[Job(n, 0.0, "flooder", FLOODERS, model, 6.0) for n in range(200)]]
    return sent + [[Job(200 + n, 10.0 * n, f"user {n}", OCCASIONAL, model, 6.0)] for n in range(1, 10)]


def test_a_seed_gives_a_day() -> None:
    assert day(1) == day(1)
    assert day(1) != day(2)
    bursts = day(1)
    assert len(users_of(bursts)) == 1_000
    assert [job.number for burst in bursts for job in burst] == list(range(sum(map(len, bursts))))
    times = [burst[0].at for burst in bursts]
    assert times == sorted(times)
    assert {job.model for burst in bursts for job in burst} == set(MODELS)
    assert all(2 * 3600 <= burst[0].at < 5 * 3600 for burst in day(1, NIGHT))


async def replay(client: Any, bursts: list[list[Job]]) -> Record:
    await client.flushall()
    return await Fleet(client, "day:", bursts).run()


async def test_everything_is_run_and_each_time_alike(client: Any) -> None:
    bursts = day(5, NIGHT)
    once, again = [await replay(client, bursts) for _ in range(2)]
    assert (once.order, once.waits, once.loads) == (again.order, again.waits, again.loads)
    assert sorted(once.order) == list(range(sum(map(len, bursts))))
    assert min(once.waits.values()) >= 0
    assert len(once.costs) > len(once.order)


async def test_the_settings_of_redis_stay(client: Any) -> None:
    before = await client.config_get("slowlog-*")
    await replay(client, flood())
    assert await client.config_get("slowlog-*") == before


async def test_who_comes_after_a_flood_waits_for_a_round_only_in_turns(client: Any) -> None:
    bursts = flood()
    turns, fifo = await replay(client, bursts), first_in_first_out(bursts)
    late = range(201, 210)
    assert fifo.order == sorted(fifo.order)
    assert max(turns.waits[n] for n in late) <= 2 * 6.0 + MODELS[0].load
    assert min(fifo.waits[n] for n in late) > (200 / WORKERS - 1) * 6.0 - 90
    assert (turns.loads, fifo.loads) == (WORKERS, WORKERS)


async def test_the_scripts_see_the_clock_of_the_simulation(client: Any) -> None:
    clock = Clock(now=12.5)
    assert await ClockScripts(client, "day:", clock)("reclaim", 60, 10) == [0, 0, 0]
    for path in FOLDER.glob("*.lua"):
        if path.stem not in {"shared", "lines", "take", "type_limits"}:
            assert "'TIME'" not in simulated(path.stem, "day:").source, path.stem


@pytest.mark.parametrize("now", [0.0, 12.5])
async def test_a_claim_says_how_long_it_waited_in_simulated_time(client: Any, now: float) -> None:
    await client.flushall()
    fleet = Fleet(client, "day:", [[Job(0, now, "anna", OCCASIONAL, MODELS[0], 5.0)]])
    record = await fleet.run()
    assert record.waits == {0: MODELS[0].load}
    assert fleet.clock.now == now + MODELS[0].load + 5.0
