"""Calls by many callers at once: few, and none is for another caller's fault or patience."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from emprops.kit.gathered import Gathered


@dataclass
class Sent:
    """Calls that wait until they may end; one that contains ``bad`` fails."""

    calls: list[list[str]] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, items: Sequence[str]) -> list[str]:
        self.calls.append(list(items))
        await self.may_end.wait()
        if "bad" in items:
            raise ValueError("bad")
        return [item.upper() for item in items]


async def until_waiting() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_during_a_call_goes_together_in_the_next() -> None:
    sent = Sent()
    gathered = Gathered(sent.send, 3)
    tasks = [asyncio.create_task(gathered([f"a{n}", f"b{n}"][: 1 + n % 2])) for n in range(5)]
    await until_waiting()
    assert sent.calls == [["a0"]]
    sent.may_end.set()
    assert [list(await task) for task in tasks] == [["A0"], ["A1", "B1"], ["A2"], ["A3", "B3"], ["A4"]]
    assert sent.calls == [["a0"], ["a1", "b1", "a2"], ["a3", "b3", "a4"]]


async def test_who_goes_away_takes_nobody_along() -> None:
    sent = Sent()
    gathered = Gathered(sent.send, 10)
    first, second, third = (asyncio.create_task(gathered([name])) for name in "abc")
    await until_waiting()
    first.cancel()
    await until_waiting()
    assert sent.calls == [["a"], ["b", "c"]]
    second.cancel()
    sent.may_end.set()
    assert list(await third) == ["C"]
    assert list(await gathered(["d"])) == ["D"]


async def test_what_somebody_wanted_who_has_left_is_not_sent() -> None:
    sent = Sent()
    gathered = Gathered(sent.send, 10)
    first, left, third = (asyncio.create_task(gathered([name])) for name in "abc")
    await until_waiting()
    left.cancel()
    await until_waiting()
    sent.may_end.set()
    assert [list(await first), list(await third)] == [["A"], ["C"]]
    assert sent.calls == [["a"], ["c"]]
    fourth, fifth = (asyncio.create_task(gathered([name])) for name in "de")
    fifth.cancel()
    assert list(await fourth) == ["D"]
    await until_waiting()
    assert list(await gathered(["f"])) == ["F"]
    assert sent.calls[2:] == [["d"], ["f"]], "nothing is sent for nobody"


async def test_a_call_that_fails_fails_for_those_in_it() -> None:
    sent = Sent()
    gathered = Gathered(sent.send, 2)
    tasks = [asyncio.create_task(gathered([name])) for name in ("a", "b", "bad", "c")]
    await until_waiting()
    sent.may_end.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [list, ValueError, ValueError, list]


async def test_after_company_a_call_waits_for_more_and_after_none_it_does_not() -> None:
    sent = Sent()
    gathered = Gathered(sent.send, 10, company=0.01)
    first = [asyncio.create_task(gathered([name])) for name in "abc"]
    await until_waiting()
    sent.may_end.set()
    await asyncio.gather(*first)
    assert sent.calls == [["a"], ["b", "c"]]
    for names in ("de", "f", "gh"):
        assert await asyncio.gather(*(gathered([name]) for name in names)) == [[name.upper()] for name in names]
    assert sent.calls[2:] == [["d", "e"], ["f"], ["g"], ["h"]]
