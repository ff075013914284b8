"""Broken characters, wherever they are, become ones that can be stored; nothing else changes."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.kit.text import TooDeepError, storable, storable_json


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("", ""),
        ("a sea\n\t\x7f", "a sea\n\t\x7f"),
        ("härbour 🌊", "härbour 🌊"),
        ("a\0b", "a�b"),
        ("\ud83c\udf0a", "🌊"),
        ("\ud83c", "�"),
        ("\udf0a\ud83c", "��"),
        ("\ud83c\ud83c\udf0a\udf0a", "�🌊�"),
        ("x\ud83cä\0", "x�ä�"),
        ("name\udcff.png", "name�.png"),
    ],
)
def test_broken_characters_are_replaced_and_split_pairs_joined(text: str, stored: str) -> None:
    assert storable(text) == stored


@given(st.text(st.characters(categories=None)))  # surrogates too
def test_every_text_can_be_stored(text: str) -> None:
    stored = storable(text)
    assert "\0" not in stored
    assert orjson.loads(orjson.dumps(stored)) == stored
    assert storable(stored) == stored


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON.filter(lambda value: b"\\u0000" not in orjson.dumps(value)))
def test_data_without_a_broken_character_stay_as_they_are(value: Any) -> None:
    stored = storable_json(value)
    assert stored == value
    assert orjson.dumps(stored) == orjson.dumps(value)  # in the same order


def test_data_are_mended_wherever_a_text_may_be() -> None:
    value = {"b": ["\0", {"\ud800": ("x", "\ud83c\udf0a")}], "a": "\udfff", "n": 1.5, "none": None, 7: "\0"}
    assert storable_json(value) == {"b": ["�", {"�": ["x", "🌊"]}], "a": "�", "n": 1.5, "none": None, 7: "�"}
    assert value["a"] == "\udfff"  # a copy is mended
    assert storable_json("\0") == "�"


def test_depth_is_no_danger_and_may_be_limited() -> None:
    deep: Any = "\0"
    for _ in range(50_000):
        deep = [deep]
    mended = storable_json(deep)
    while isinstance(mended, list):
        (mended,) = mended
    assert mended == "�"
    assert storable_json([[{"a": "b"}]], max_depth=3) == [[{"a": "b"}]]
    with pytest.raises(TooDeepError, match="deeper than 2 levels"):
        storable_json([[{"a": "b"}]], max_depth=2)
    endless: dict[str, Any] = {}
    endless |= {"one": endless, "two": endless}
    with pytest.raises(TooDeepError):
        storable_json(endless, max_depth=64)
