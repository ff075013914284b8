"""What an API's answer is: a JSON document, a text or a file. Whatever is read here has no secret in it."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from emprops.connectors.base import FinalError
from emprops.connectors.fetch_api import documents
from emprops.connectors.fetch_api.secrets import Secrets
from emprops.kit.outbound.answers import Response
from emprops.kit.text import storable_json

PAGE = ("<!doctype html", "<html")
MIME_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}")
LARGE = 256 * 1024
"""Bytes from which on a document is read in a thread."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer with a JSON document: of a plain text the text, of an empty answer null."""

    document: bytes


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A successful answer that is a file on disk."""

    path: Path
    mime_type: str


async def read_answer(response: Response, host: str, wanted: str, secrets: Secrets) -> Answer | FileAnswer:
    """Read a successful answer.

    Secrets are replaced before anything else sees the answer: an expression could take one apart, and no search would
    find it again. A web page is no answer unless it is what is ``wanted`` (a media type). Raises :class:`FinalError`.
    """
    mime_type = type_of(response, secrets)
    if response.file is not None:
        await refuse_secrets(response.file, secrets, f"The file that {host} answered with")
        return FileAnswer(response.file, mime_type)
    text = text_of(response)
    if not wanted.startswith("text/html") and is_page(text):
        raise FinalError(f"{host} answered {response.status} with a web page; is this its API's address?")
    try:
        given = (text or "null", mime_type.startswith("text/"), secrets)
        document = _document(*given) if len(text) < LARGE else await asyncio.to_thread(_document, *given)
    except ValueError:
        raise FinalError(f"{host} answered {response.status} with something that is not JSON.") from None
    except RecursionError:
        raise FinalError(f"{host} answered {response.status} with JSON that is nested too deeply.") from None
    return Answer(document)


def type_of(response: Response, secrets: Secrets) -> str:
    """Return the media type that an answer says it has; empty if it says none."""
    said = secrets.hide(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
    return said if MIME_TYPE.fullmatch(said) else ""


def text_of(response: Response) -> str:
    """Return an answer's body as text."""
    return documents.text_of(response.body, response.headers.get("content-type", ""))


def is_page(text: str) -> bool:
    """Return whether a text is a web page."""
    return text[:200].lstrip().lower().startswith(PAGE)


async def refuse_secrets(content: bytes | Path, secrets: Secrets, what: str) -> None:
    """Raise :class:`FinalError` if a secret is in a file: it cannot be taken out, and results may be public."""
    found = await asyncio.to_thread(secrets.found_in, content) if secrets.by_name else None
    if found is not None:
        raise FinalError(f"{what} has the secret {found} in it and was not kept.")


def _document(text: str, may_be_text: bool, secrets: Secrets) -> bytes:
    try:
        document = documents.parse(text)
    except ValueError:
        if not may_be_text:
            raise
        document = text
    return documents.written(secrets.hide(storable_json(document)))
