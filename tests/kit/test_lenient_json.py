"""What other people's services write as JSON is read: one odd value costs that value at most."""

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprops.kit.lenient_json import NotJsonError, read_json


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b'{"score": [NaN, 1.5, Infinity, -Infinity]}', {"score": [None, 1.5, None, None]}),
        (b"[1e999, -1e999, 1e-999]", [None, None, 0.0]),
        (b'["NaN", "a \\"NaN\\""]', ["NaN", 'a "NaN"']),
        (b'{"a": "caf\\udce9.png"}', {"a": "caf\ufffd.png"}),
        (b'{"\\ud83d": 1}', {"\ufffd": 1}),
        (b'["\\ud83d\\ude00", NaN]', ["😀", None]),
        (b'["\\ud83d", "\\ude00"]', ["\ufffd", "\ufffd"]),
        (b'["caf\xe9"]', ["caf\ufffd"]),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("\ufeff[1]", [1]),
        ('{"a": 1}'.encode("utf-16"), {"a": 1}),
        (b'["two\nlines"]', ["two\nlines"]),
        ("[NaN]", [None]),
        (b"[18446744073709551615, -9223372036854775808, NaN]", [2**64 - 1, -(2**63), None]),
        (b"[18446744073709551616, -9223372036854775809, NaN]", [2.0**64, -(2.0**63), None]),
        (b"[" + b"9" * 5000 + b"]", [None]),
    ],
)
def test_what_can_be_kept_is_kept(raw: bytes | str, read: Any) -> None:
    assert read_json(raw) == read
    orjson.dumps(read_json(raw))


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"{} {}", b"<html>", b"{'a': 1}", b"[nan]", b"\x00\xff\xfe", b"[" * 100_000, "no json"]
)
def test_what_is_no_json_is_said_to_be_none(raw: bytes | str) -> None:
    with pytest.raises(NotJsonError):
        read_json(raw)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(categories=None)), inner),
)


@settings(max_examples=40)
@given(ANYTHING)
def test_whatever_python_writes_is_read_and_can_be_sent_on(value: Any) -> None:
    read = read_json(json.dumps(value))
    assert orjson.loads(orjson.dumps(read)) == read


@settings(max_examples=40)
@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_proper_documents_are_not_changed(value: Any) -> None:
    odd = json.dumps([value, math.nan])  # so that the lenient reader has to read it
    if "\\u0000" not in odd:
        assert read_json(odd) == [value, None]
