"""Files that services put into texts: ``data:`` URLs and base64, in all the ways in which they really come."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

DATA_URL = re.compile(
    r"\s*data:\s*(?P<type>[\w.+-]+/[\w.+-]+)?(?:\s*;\s*[\w-]+=[^;,]*)*(?P<base64>\s*;\s*base64)?\s*,", re.IGNORECASE
)
PREFIX = re.compile(r"\s*(?:(?P<type>[\w.+-]+/[\w.+-]+)\s*;\s*)?base64\s*[,:]", re.IGNORECASE)
"""What is left of a ``data:`` URL whose beginning somebody cut off."""
LONGEST_HEAD = 1000
BLANK = re.compile(r"\s+|\\[nr]")
"""Line breaks, and those that were escaped once too often."""
STANDARD = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file that was in a text."""

    content: bytes
    mime_type: str
    """As the text says, in lower case; empty if it does not."""


def decoded(text: str) -> Encoded | None:
    """Return the file that a text holds; None if the text is neither a ``data:`` URL nor base64.

    Base64 is taken in both alphabets, with or without padding, broken into lines, escaped as in a URL, and behind
    ``base64,`` or ``image/png;base64,``.
    """
    head = DATA_URL.match(text[:LONGEST_HEAD])
    if head is not None and not head["base64"]:
        return Encoded(unquote_to_bytes(text[head.end() :]), _type_of(head, "text/plain"))
    head = head or PREFIX.match(text[:LONGEST_HEAD])
    content = from_base64(text[head.end() :] if head else text)
    return None if content is None else Encoded(content, _type_of(head, ""))


def is_data_url(text: str) -> bool:
    """Return whether a text begins as a ``data:`` URL does, whatever follows."""
    return text[:LONGEST_HEAD].lstrip()[:5].lower() == "data:"


def from_base64(text: str) -> bytes | None:
    """Decode base64 as :func:`decoded` does, without anything before it; None if it is none."""
    if "%" in text:
        text = unquote_to_bytes(text).decode("latin-1")
    plain = BLANK.sub("", text).translate(STANDARD).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def data_url(file: Encoded) -> str:
    """Write a file as a ``data:`` URL in its strict form."""
    return f"data:{file.mime_type};base64,{base64.b64encode(file.content).decode()}"


def _type_of(head: re.Match[str] | None, unsaid: str) -> str:
    return (head["type"] if head and head["type"] else unsaid).lower()
