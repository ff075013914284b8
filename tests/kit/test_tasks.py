"""Tasks that run together stop together, also those that forget a cancellation."""

import asyncio

import pytest

from emprops.kit.tasks import run_together, stop_tasks


async def forgetful(cancelled: list[str], forget: int) -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("cancelled")
            if len(cancelled) > forget:
                raise


async def test_a_forgotten_cancellation_is_repeated() -> None:
    cancelled: list[str] = []
    task = asyncio.create_task(forgetful(cancelled, 2))
    await asyncio.sleep(0)
    await stop_tasks([task], patience=0.01)
    assert task.cancelled()
    assert len(cancelled) == 3


async def test_all_stop_when_the_whole_is_cancelled() -> None:
    first: list[str] = []
    second: list[str] = []
    whole = asyncio.create_task(run_together({"a": forgetful(first, 0), "b": forgetful(second, 0)}))
    await asyncio.sleep(0.01)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert first == second == ["cancelled"]


async def test_one_that_breaks_stops_the_others_and_is_heard() -> None:
    others: list[str] = []

    async def breaks() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await run_together({"a": forgetful(others, 0), "b": breaks()})
    assert others == ["cancelled"]
