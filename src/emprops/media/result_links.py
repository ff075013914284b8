"""URLs of results as replies have them: plain, or signed for a while if ``EMPROPS_RESULT_LINKS`` says so.

What is stored names files by plain URLs. A URL is signed where a reply names a result, and only if the record says
whose it is: an output's by the file that the output shows, a job's by the job's id in the key. A URL that somebody
wrote into a text, a variable or an output stays as it was written, so nobody gets a new signature by naming a file.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from fastapi import Depends

from emprops.auth.file_links import EXPIRES, SIGNATURE, FileLinks
from emprops.kit.web.parts import Part
from emprops.media.storage import FILES, is_result, key_of, public_url
from emprops.settings import Settings

WINDOW: Final = 900.0
"""Seconds. URLs end at full quarters of an hour, so that a file has the same one for a while, and browsers keep it."""


@dataclass(frozen=True, slots=True)
class ResultLinks:
    """Signs the URLs of results, or leaves them as they are."""

    settings: Settings
    links: FileLinks = field(repr=False)

    @property
    def signed(self) -> bool:
        """Whether results open by signed URLs only."""
        return self.settings.result_links == "signed"

    def guards(self, key: str) -> bool:
        """Return whether a file opens by a signed URL only, unless it is published or its owner asks."""
        return self.signed and is_result(key)

    def seconds_left(self, key: str, query: Mapping[str, str]) -> int:
        """Return for how long the query of a URL opens a file; 0: it does not."""
        return math.ceil(int(query[EXPIRES]) - self.links.now()) if self.links.opens(key, query) else 0

    def opens(self, url: str) -> bool:
        """Return whether a URL of a file of ours opens it for anyone: it needs no signature, or has one that has not
        ended."""
        key = key_of(self.settings, url)
        if key is None or not self.guards(key):
            return key is not None
        return self.links.opens(key, dict(parse_qsl(urlsplit(url.strip()).query)))

    def of_key(self, key: str, life: float | None = None) -> str:
        """Return the URL of a result that a machine reads, for so many seconds, else for as long as others."""
        url = public_url(self.settings, key)
        if not self.guards(key):
            return url
        query = self._query(key, None) if life is None else self.links.query(key, life)
        return f"{url}?{query}"

    def of_output(
        self, url: str | None, thumbnail_url: str | None, file_id: int | None
    ) -> tuple[str | None, str | None]:
        """Return the URLs of an output. What it shows is its file only if it names one (``flat_file_id``): then that
        belongs to its owner. The small picture is signed if it is that file's."""
        key = key_of(self.settings, url) if self.signed and url and file_id is not None else None
        if key is None or not self.guards(key):
            return url, thumbnail_url
        small = key_of(self.settings, thumbnail_url) if thumbnail_url else None
        return self.of_key(key), self.of_key(small) if small and _is_small(small, key) else thumbnail_url

    def in_job(self, text: str, job_id: UUID, at: float | None = None) -> str:
        """Return a URL, or JSON, in which each URL of a file that this job made is signed. ``at``: as it was signed
        then, in Unix seconds.

        What the job was given has none, as nobody knows the keys before the files are stored.
        """
        if not self.signed or (made := f"generations/{job_id}/") not in text:
            return text
        place = re.escape(f"{self.settings.base_url}{FILES}")
        url = re.compile(rf'(?<![^"]){place}((?:thumbnails/)?{made}[A-Za-z0-9._/-]+)(?![^"])')
        return url.sub(lambda found: f"{found[0]}?{self._query(found[1], at)}", text)

    def plain(self, url: str) -> str:
        """Return a URL as it is stored: without a signature, if a file of ours is signed by it."""
        if FILES not in url or f"{SIGNATURE}=" not in url:
            return url
        key = key_of(self.settings, url)
        return url if key is None else public_url(self.settings, key)

    def _query(self, key: str, at: float | None) -> str:
        life = self.settings.link_life
        window = min(WINDOW, max(1.0, life))
        end = (self.links.now() if at is None else at) + life
        return self.links.query_until(key, math.ceil(math.ceil(end / window) * window))


def _is_small(key: str, of: str) -> bool:
    """Return whether a small picture is that of a file: stored under its name, or by the run or the import that stored
    the file."""
    separator = "-" if of.startswith("generations/") else "/"  # before the number, or the name, that its maker gave it
    maker = of.rpartition(separator)[0]
    return key == f"thumbnails/{of}.webp" or ("/" in maker and key.rpartition(separator)[0] == maker)


def result_links_from(settings: Settings) -> ResultLinks:
    """Return what names results where no request is at hand."""
    return ResultLinks(settings, FileLinks(settings))


RESULT_LINKS: Part[ResultLinks] = Part("result_links")
Naming = Annotated[ResultLinks, Depends(RESULT_LINKS.depend)]
"""Parameter type of an endpoint that names results."""
