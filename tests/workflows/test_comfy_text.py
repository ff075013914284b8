"""Texts that ComfyUI's editor fills in when it sends a graph. What is expected was taken from the editor's own code,
but for a backslash at the end, which it turns into ``\\undefined``."""

import re
import sys
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.workflows import comfy_text
from emprops.workflows.comfy_text import fill_choices, fill_replacements, replacements_in, signs_in

AT = datetime(2026, 3, 7, 9, 5, 4, tzinfo=UTC)
VALUES = {
    ("KSampler", "seed"): 7,
    ("My Img", "width"): 512,
    ("K", "cfg"): 8.0,
    ("K", "on"): True,
    ("K", "text"): 'a/b:"c"',
}


def lookup(node: str, widget: str) -> Any:
    return VALUES.get((node, widget))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("a red ball", "a red ball", "a red ball"),
        ("a {red|green} ball", "a red ball", "a green ball"),
        ("a {red|green} ball {{x}} // c", "a red ball x ", "a green ball x "),
        ("{a|{b|c}} d", "a d", "c d"),
        ("{a{1|2}|b}{x|y}", "a1x", "by"),
        ("{}|{a}|}", "|a|}", "|a|}"),
        ("a {b|c", "a b", "a c"),
        ("a {b|{c|d", "a b", "a d"),
        (r"\{a|b\} {c\|d|e}", "{a|b} c|d", "{a|b} e"),
        (r"C:\dir\\{a|b}", r"C:\dir\\a", r"C:\dir\\b"),
        ("ends in \\", "ends in \\", "ends in \\"),
        ("a /* {x|y}\n*/ b // c\nd", "a  b \nd", "a  b \nd"),
        ("a /* b", "a /* b", "a /* b"),
        ("a /*/ b /* c */ d", "a  d", "a  d"),
        ("see https://x.org/y\r\nz", "see https:\r\nz", "see https:\r\nz"),
        ("{a|b /* | */ | c//|d\n}", "a", " c\n"),
    ],
)
def test_a_dynamic_prompt(text: str, first: str, last: str) -> None:
    assert fill_choices(text, lambda _number, _count: 0) == first
    assert fill_choices(text, lambda _number, count: count - 1) == last


def test_choices_are_numbered_as_they_stand_whichever_are_taken() -> None:
    asked: list[tuple[int, int]] = []

    def pick(number: int, count: int) -> int:
        asked.append((number, count))
        return 0

    fill_choices("{{a|b}|c|{d|e}} {f}", pick)
    assert asked == [(0, 3), (1, 2), (3, 1)]


@given(st.text(alphabet="ab {}|\\/*\n", max_size=60))
def test_any_text_can_be_filled_in(text: str) -> None:
    filled = fill_choices(text, lambda number, count: number % count)
    assert len(filled) <= len(text)
    if not signs_in(text) and "{" not in text:
        assert filled == text


class Work:
    """Counts what is done for a text: lines of code that run, and characters that are searched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        for name in ("COMMENT", "LINE_COMMENT", "LINE_END", "PIECE", "ESCAPE"):
            monkeypatch.setattr(comfy_text, name, Searching(self, getattr(comfy_text, name)))

    def of(self, text: str) -> int:
        """Return how much it takes to fill this text in, and to say what there is in it."""
        self.done, before = 0, sys.gettrace()
        sys.settrace(self._trace)
        try:
            fill_choices(Searched(text, self), lambda _number, count: count - 1)
            signs_in(Searched(text, self))
        finally:
            sys.settrace(before)
        return self.done

    def _trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        self.done += event == "line" and frame.f_globals is vars(comfy_text)
        return self._trace


class Searched(str):
    """A text that notes how far it is searched."""

    __slots__ = ("work",)

    def __new__(cls, text: str, work: Work) -> "Searched":
        made = super().__new__(cls, text)
        made.work = work
        return made

    def find(self, part: str, start: int = 0) -> int:  # type: ignore[override]
        found = super().find(part, start)
        self.work.done += (len(self) if found < 0 else found) - start
        return found


class Searching:
    """A regular expression that notes how far it searches."""

    def __init__(self, work: Work, pattern: re.Pattern[str]) -> None:
        self.work, self.pattern = work, pattern

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        found = self.pattern.search(text, start)
        self.work.done += (len(text) if found is None else found.end()) - start
        return found

    def findall(self, text: str) -> list[str]:
        self.work.done += len(text)
        return self.pattern.findall(text)

    def sub(self, by: str, text: str) -> str:
        self.work.done += len(text)
        return self.pattern.sub(by, text)


@pytest.mark.parametrize("part", ["{", "{a|", "/*", "/*x", "//", "\\", "|", "{}", "/*/"])
def test_ten_times_the_text_is_ten_times_the_work(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    work = Work(monkeypatch)
    short, long = (work.of((part * size)[:size]) for size in (300, 3_000))
    assert short < long < 11 * short


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("a {b} c", []),
        ("a {b|c}", ["choices"]),
        ("a // b", ["comments"]),
        (r"\{a|b\} /* {c|d} */", ["comments", "escapes"]),
        ("{a|b} // c", ["choices", "comments"]),
        ("a | b } c", []),
    ],
)
def test_what_there_is_to_fill_in(text: str, signs: list[str]) -> None:
    assert signs_in(text) == signs


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("%date:yyyy-MM-dd%/fox", "2026-03-07/fox"),
        ("%date:d.M.yy h:m:s%", "7.3.26 9:5:4"),
        ("%date:hhmmss%_%date:yyy%", "090504_yyy"),
        ("x_%My Img.width%_%KSampler.seed%", "x_512_7"),
        ("%K.cfg% %K.on% %K.text%", "8 true a_b__c_"),
        ("%width%x%height% 50% %year%", "%width%x%height% 50% %year%"),
        ("%Nobody.seed% %KSampler.nothing% %a.b.c%", "%Nobody.seed% %KSampler.nothing% %a.b.c%"),
        ("100%", "100%"),
    ],
)
def test_replacements(text: str, filled: str) -> None:
    assert fill_replacements(text, lookup, AT) == filled


def test_what_is_replaced_and_what_names_nothing() -> None:
    assert replacements_in("%date:yyyy%_%KSampler.seed%_%date:MM%", lookup) == (["dates", "values"], [])
    assert replacements_in("%Nobody.seed%_%width%", lookup) == ([], ["%Nobody.seed%"])
