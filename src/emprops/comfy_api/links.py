"""Links that clients follow. They send their key only to the place that they were pointed at, so links lead there."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends
from starlette.requests import Request

from emprops.kit.web.endpoint import resources_of

PATH = "/api/v2"


@dataclass(frozen=True, slots=True)
class Links:
    """Where this API is for one client."""

    base: str

    def job(self, job_id: UUID, part: str = "") -> str:
        """Return the URL of a job, or of a part of it."""
        return f"{self.base}{PATH}/jobs/{job_id}{part}"

    def content(self, asset_id: UUID | str) -> str:
        """Return the URL of an asset's content."""
        return f"{self.base}{PATH}/assets/{asset_id}/content"


async def links_of(request: Request) -> Links:
    """Return links to where the client is."""
    asked = request.headers.get("host", "")
    return Links(base_of(resources_of(request).settings.base_url, request.url.scheme, asked))


def base_of(public: str, scheme: str, asked: str) -> str:
    """Return the installation's public address, or the one that was asked if that has another host: a proxy before us
    may speak https and tell us nothing of it, but it does not change the host that is public."""
    return public if urlsplit(public).netloc.lower() == asked.lower() or not asked else f"{scheme}://{asked}"


Linking = Annotated[Links, Depends(links_of)]
