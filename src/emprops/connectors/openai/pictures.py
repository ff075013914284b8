"""Pictures in the service's answers: encoded, or at a URL."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from emprops.connectors.base import BadInputError, FinalError, Produced, RetryableError, RunContext
from emprops.connectors.encoded import decoded, is_data_url
from emprops.connectors.hosted import picked_up, same_origin, saved, status_error
from emprops.connectors.openai.errors import NAME


async def picture_of(text: str) -> bytes:
    """Decode a picture: base64 or a ``data:`` URL, in whatever form. Raises :class:`FinalError`."""
    file = await asyncio.to_thread(decoded, text)
    if file is None or not file.content:
        raise FinalError(f"{NAME} gave a picture that is not valid base64.")
    return file.content


@dataclass(frozen=True, slots=True)
class Pictures:
    """Brings pictures here. ``max_bytes``: how large one at a URL may be."""

    base_url: str
    http: httpx2.AsyncClient
    context: RunContext
    max_bytes: int

    async def encoded(self, text: str, number: int) -> Produced:
        """Make a result file of an encoded picture."""
        return await picked_up(await picture_of(text), number, wanted="image", name=NAME)

    async def at(self, url: str, number: int) -> Produced:
        """Make a result file of the picture at a URL, which may be a ``data:`` URL."""
        if is_data_url(url):
            return await self.encoded(url, number)
        return await picked_up(await self._downloaded(url, number), number, wanted="image", name=NAME)

    async def _downloaded(self, url: str, number: int) -> Path:
        # Only the operator's own service may be private; a URL that leads elsewhere is a stranger's.
        if same_origin(url, self.base_url):
            async with self.http.stream("GET", url) as response:
                if not response.is_success:
                    raise status_error(
                        NAME, response.status_code, response.headers, "The picture cannot be fetched.", {}
                    )
                return await saved(response, self.context.folder / f"result-{number}", name=NAME)
        try:
            return (await self.context.fetch(url, max_bytes=self.max_bytes))[0]
        except BadInputError:  # its sentence has the URL, whose query is often a signature
            raise FinalError(f"The picture cannot be fetched from {_host(url)}.") from None
        except RetryableError:
            raise RetryableError(f"The picture cannot be fetched from {_host(url)} now.") from None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the URL that it was given with"
    except ValueError:
        return "the URL that it was given with"
