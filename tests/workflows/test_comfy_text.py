"""Texts that ComfyUI's editor fills in when it sends a graph. What is expected was taken from the editor's own code,
but for a backslash at the end, which it turns into ``\\undefined``."""

import gc
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("part", ["{", "{a|", "/*", "//", "\\", "|", "{}", "/*/"])
def test_long_texts_take_little_time(part: str) -> None:
    text = (part * 65536)[:65536]
    gc.freeze()  # what other tests left is not to be searched for garbage again and again within this one's time
    try:
        began = time.process_time()
        fill_choices(text, lambda _number, count: count - 1)
        signs_in(text)
        assert time.process_time() - began < 2
    finally:
        gc.unfreeze()


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
