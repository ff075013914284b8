"""What ``parse_json`` refuses, and that it changes nothing it lets through."""

import math

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emprops.errors import TooLargeError
from emprops.kit.web.strict_json import MalformedJsonError, Strictness, parse_json

REFUSED = {
    "empty": b"",
    "cut off": b'{"a": 1',
    "two documents": b"{} {}",
    "single quotes": b"{'a': 1}",
    "NaN": b'{"a": NaN}',
    "infinity": b"[Infinity]",
    "overflowing float": b"[1e999]",
    "NUL in a value": b'{"a": "x\\u0000y"}',
    "NUL in a key": b'{"x\\u0000y": 1}',
    "NUL deep inside": b'{"a": [{"b": ["\\u0000"]}]}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "lone surrogate in a key": b'{"\\udfff": 1}',
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "integer beyond 64 bits": b'{"seed": 18446744073709551616}',
    "integer below 64 bits": b"[-9223372036854775809]",
    "30-digit integer": b'{"a": [123456789012345678901234567890]}',
    "5000-digit integer": b"[" + b"9" * 5000 + b"]",
    "long key": b'{"' + b"k" * 257 + b'": 1}',
    "deep list": b"[" * 65 + b"]" * 65,
    "deep object": b'{"a":' * 65 + b"1" + b"}" * 65,
    "very deep": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw: bytes) -> None:
    with pytest.raises(MalformedJsonError) as caught:
        parse_json(raw)
    assert len(caught.value.message) < 200


KEPT = {
    "deepest list": b"[" * 64 + b"]" * 64,
    "largest seed": b'{"seed": 18446744073709551615}',
    "smallest integer": b"[-9223372036854775808]",
    "large float": b"[1e300, -2.5e40, 1e19]",
    "digits in text": b'{"a": "123456789012345678901234567890", "b": 1e30}',
    "longest key": b'{"' + b"k" * 256 + b'": 1}',
    "escaped pair": b'["\\ud83d\\ude00"]',
    "scalar": b'"text"',
}


@pytest.mark.parametrize("raw", KEPT.values(), ids=KEPT.keys())
def test_kept(raw: bytes) -> None:
    assert parse_json(raw) == orjson.loads(raw)


MENDS = Strictness(max_depth=3, max_key_length=5, mends_texts=True)


@pytest.mark.parametrize(
    ("raw", "document"),
    [
        (b'{"a\\u0000": ["\\ud800", "\\ud83d\\ude00"]}', {"a�": ["�", "😀"]}),
        (b'{"a": "\\udfff", "n": 18446744073709551615}', {"a": "�", "n": 2**64 - 1}),
        (b'["\\\\ud800"]', ["\\ud800"]),
        (b'{"a": [1, "\xc3\xa4"]}', {"a": [1, "ä"]}),
    ],
)
def test_broken_characters_are_mended_where_that_is_wanted(raw: bytes, document: object) -> None:
    assert parse_json(raw, MENDS) == document


@pytest.mark.parametrize(
    "raw",
    [
        b'["\\ud800", NaN]',
        b'["\\ud800", 18446744073709551616]',
        b'["\\ud800"',
        b'["\\ud8"]',
        b'{"\\ud800": [[[1]]]}',
        b'{"123456": "\\ud800"}',
        b'["\\ud800"' + b"[" * 100_000,
        b'["\xff"]',
    ],
)
def test_all_the_rest_is_refused_there_too(raw: bytes) -> None:
    with pytest.raises(MalformedJsonError):
        parse_json(raw, MENDS)


def test_largest_seed_stays_an_integer() -> None:
    assert parse_json(b"[18446744073709551615]") == [2**64 - 1]
    assert type(parse_json(b"[18446744073709551615]")[0]) is int


def test_too_many_values_is_too_large() -> None:
    assert len(parse_json(b"[" + b"1," * 19_998 + b"1]")) == 19_999
    with pytest.raises(TooLargeError):
        parse_json(b"[" + b"1," * 19_999 + b"1]")
    with pytest.raises(TooLargeError):
        parse_json(b'{"a": ' + b"[[" + b"{}," * 20_000 + b"{}]]}")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abc_é", max_size=9), inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_what_is_let_through_is_unchanged(value: object) -> None:
    assert parse_json(orjson.dumps(value)) == value


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789.eE-\\u d', max_size=60).map(str.encode))
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except (MalformedJsonError, TooLargeError):
        return
    assert not isinstance(value, float) or math.isfinite(value)
