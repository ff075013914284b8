"""What an API's answer gives: URLs become files of ours, encoded files are decoded, all else is data."""

import asyncio
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import puremagic

from emprops.connectors.base import FinalError, Outcome, Produced, RetryableError, RunContext, too_large
from emprops.connectors.encoded import decoded, is_data_url
from emprops.connectors.fetch_api.answers import refuse_secrets
from emprops.connectors.fetch_api.secrets import Secrets
from emprops.connectors.hosted import head_of
from emprops.errors import AppError
from emprops.kit.outbound.client import GuardedClient, OutboundUnavailableError, TooLargeAnswerError

MAX_FILES = 50
MAX_URL = 8192
SHORTEST_BASE64 = 64
URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
SPACED_URL = re.compile(r"https?://[^\s<>\"/]+/[^\t-\r<>\"]*", re.IGNORECASE)
"""With spaces in its path, as it is told by services that do not escape the names of their files."""
ALLOWED_IN_URL = "%/:=&?~#+!$,;'@()*[]"
UNSAID = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-download"})
MEDIA = ("image/", "video/", "audio/")


@dataclass(frozen=True, slots=True)
class Collector:
    """Turns values into an outcome. ``wanted`` is the workflow's ``output_mime_type``.

    A file that has one of the ``secrets`` in it is refused.
    """

    client: GuardedClient
    context: RunContext
    wanted: str
    max_bytes: int
    secrets: Secrets

    async def collect(self, values: Sequence[Any]) -> Outcome:
        """Turn what the output expression gave into files and data.

        A result that is text stays text. Where a picture, video or sound is wanted, a result without one is an error.
        Raises :class:`FinalError`, and :class:`RetryableError` if a file cannot be fetched now.
        """
        items = [item for value in values for item in (value if isinstance(value, list) else [value])]
        items = [item for item in items if item is not None and item != ""]
        if not items:
            raise FinalError("The API's answer has nothing where outputExprJq looks for the result.")
        if len(items) > MAX_FILES and any(isinstance(item, str) and self._url(item) for item in items):
            raise FinalError(f"The API gave {len(items)} results; at most {MAX_FILES} are taken.")
        files: list[Produced] = []
        rest: list[Any] = []
        for item in items:
            file = await self._file(item, len(files) + 1) if isinstance(item, str) else None
            if file is None:
                rest.append(item)
            else:
                files.append(file)
        if not files and self._media:
            raise FinalError(f"The API gave no {self._media} but {_shown(rest[0])}")
        return Outcome(files=files, data=_data(rest, values))

    async def produced(self, file: Path, mime_type: str) -> Outcome:
        """Make an answer that is a file itself the result."""
        head = await asyncio.to_thread(head_of, file)
        mime_type = self._type(mime_type, head, self.wanted, "of the API")
        return Outcome(files=[Produced(_name(1, mime_type), mime_type, file)])

    @property
    def _media(self) -> str:
        main = self.wanted.partition("/")[0].lower()
        return main if f"{main}/" in MEDIA else ""

    async def _file(self, text: str, number: int) -> Produced | None:
        if self.wanted.startswith("text/"):
            return None
        url = self._url(text)
        if url is not None:
            return await self._downloaded(url, number)
        if is_data_url(text):
            file = decoded(text)
            if file is None:
                raise FinalError("The API gave a data: URL that is not valid base64.")
        else:
            is_sentence = len(text) < SHORTEST_BASE64 or " " in text.strip()
            file = None if is_sentence or not self._media else decoded(text)
        return None if file is None else await self._decoded(file.content, file.mime_type, number)

    def _url(self, text: str) -> str | None:
        """Return the URL that a text is, with its spaces escaped; None if it is another text."""
        text = text.strip()
        if len(text) > MAX_URL:
            return None
        if URL.fullmatch(text):
            return text
        # A sentence may begin with an address too: it is one only where nothing but a file will do, or by its ending.
        is_file = self._media or mimetypes.guess_type(text.partition("?")[0])[0]
        return quote(text, safe=ALLOWED_IN_URL) if is_file and SPACED_URL.fullmatch(text) else None

    async def _downloaded(self, url: str, number: int) -> Produced:
        # Only the host is named in errors: the rest of such URLs is often a signature that opens the file.
        host = urlsplit(url).hostname
        target = self.context.folder / f"result-{number}"
        try:
            found = await self.client.download(url, target, self.max_bytes)
        except TooLargeAnswerError:
            raise too_large(f"The result from {host}", self.max_bytes) from None
        except OutboundUnavailableError as error:
            raise RetryableError(
                f"The result cannot be fetched from {host} now: {error.message}", retry_after=error.wait
            ) from None
        except AppError as error:
            raise FinalError(f"The result cannot be fetched from {host}: {error.message}") from None
        await refuse_secrets(target, self.secrets, f"The result from {host}")
        head = await asyncio.to_thread(head_of, target)
        guess = mimetypes.guess_type(urlsplit(url).path)[0] or self.wanted
        mime_type = self._type(found.mime_type, head, guess, f"from {host}")
        return Produced(_name(number, mime_type), mime_type, target)

    async def _decoded(self, content: bytes, mime_type: str, number: int) -> Produced:
        if not content:
            raise FinalError("The API gave an empty file.")
        await refuse_secrets(content, self.secrets, "A file of the API")
        mime_type = self._type(mime_type, content[:8192], self.wanted, "of the API")
        return Produced(_name(number, mime_type), mime_type, content)

    def _type(self, said: str, head: bytes, guess: str, where: str) -> str:
        """Return a file's type: what the service says, unless that is nothing or none of the media that are wanted."""
        if said not in UNSAID and (not self._media or said.startswith(MEDIA)):
            return said
        mime_type = _looks_like(head) or (guess if said in UNSAID else said)
        if self._media and not mime_type.startswith(MEDIA) and mime_type not in UNSAID:
            raise FinalError(f"The result {where} is no {self._media} but {mime_type}.")
        return mime_type


def _looks_like(head: bytes) -> str:
    try:
        return str(puremagic.from_string(head, mime=True))
    except (puremagic.PureError, ValueError):
        return ""


def _name(number: int, mime_type: str) -> str:
    return f"result-{number}{mimetypes.guess_extension(mime_type) or '.bin'}"


def _data(rest: list[Any], values: Sequence[Any]) -> dict[str, Any]:
    if not rest:
        return {}
    if all(isinstance(item, str) for item in rest):
        return {"text": "\n".join(rest)}
    return {"result": values[0] if len(values) == 1 else list(values)}


def _shown(item: Any) -> str:
    if isinstance(item, str):
        return f"the text {item[:200]!r}."
    return "an object or a number; outputExprJq must lead to a URL or an encoded file."
