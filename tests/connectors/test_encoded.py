"""Files in texts, in every form in which services send them."""

import base64
import textwrap
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.connectors.encoded import Encoded, data_url, decoded, from_base64, is_data_url

CONTENT = bytes(range(256)) + b"?>?"
PLAIN = base64.b64encode(CONTENT + b"!").decode()
"""Ends with padding, and has characters in which the alphabets differ."""


@pytest.mark.parametrize(
    ("text", "mime_type"),
    [
        (PLAIN, ""),
        (PLAIN.rstrip("="), ""),
        (base64.urlsafe_b64encode(CONTENT + b"!").decode(), ""),
        (base64.encodebytes(CONTENT + b"!").decode(), ""),
        ("\r\n".join(textwrap.wrap(PLAIN, 64)), ""),
        ("\\n".join(textwrap.wrap(PLAIN, 76)), ""),
        (quote(PLAIN, safe=""), ""),
        (f"base64,{PLAIN}", ""),
        (f"image/png;base64,{PLAIN}", "image/png"),
        (f"data:image/png;base64,{PLAIN}", "image/png"),
        (f"data:image/PNG; charset=utf-8 ; BASE64 , {PLAIN}", "image/png"),
        (f"  Data:image/svg+xml;name=a.svg;base64,{PLAIN.rstrip('=')}\n", "image/svg+xml"),
        (f"data:;base64,{quote(PLAIN, safe='')}", ""),
        (f"data:image/png,{quote(CONTENT + b'!', safe='')}", "image/png"),
        (f"data:,{quote(CONTENT + b'!', safe='')}", "text/plain"),
    ],
)
def test_each_form_is_read(text: str, mime_type: str) -> None:
    assert decoded(text) == Encoded(CONTENT + b"!", mime_type)


@pytest.mark.parametrize(
    "text", ["a fox.", "A", PLAIN + "!", PLAIN[:8] + "=" + PLAIN[8:], "data:image/png;base64,§", "ü" * 9]
)
def test_what_is_none(text: str) -> None:
    assert decoded(text) is None


@given(st.binary(min_size=1), st.sampled_from(["image/png", "video/mp4", ""]))
def test_what_is_written_is_read(content: bytes, mime_type: str) -> None:
    file = Encoded(content, mime_type)
    assert decoded(data_url(file)) == file
    assert is_data_url(data_url(file))
    assert from_base64(base64.b64encode(content).decode()) == content


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    decoded(text)
    decoded(f"data:{text}")
