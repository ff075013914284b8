"""Large files pass a worker in pieces. ``python -m bench memory`` carries 2 GB by every way there is."""

import asyncio

from bench.parts.memory import GOAL, MB, carry, serving

SIZE = 120 * MB
WAYS = ("made here → folder", "made here → S3", "S3 → ComfyUI's inputs")


async def test_a_large_file_is_never_held_in_memory() -> None:
    async with serving() as server, asyncio.timeout(120):
        found = dict(zip(WAYS, await asyncio.gather(*(carry(way, SIZE, server) for way in WAYS)), strict=True))
    assert {way: one.carried for way, one in found.items()} == dict.fromkeys(WAYS, SIZE)
    too_much = {way: one.grown for way, one in found.items() if one.grown > GOAL // 2}
    assert too_much == {}
