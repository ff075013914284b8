"""URLs that open an asset for others, for a while."""

import time

import httpx2
import pytest
from fastapi import FastAPI
from tests.assets.conftest import brought
from tests.media.builders import picture

from emprops.auth.file_links import FILE_LINKS, FileLinks
from emprops.main import SETTINGS

pytestmark = pytest.mark.usefixtures("looked_at_here")
PNG = picture("PNG", (64, 32))
SOUND = b"RIFF\x24\0\0\0WAVEfmt "


async def test_a_signed_url_opens_for_everybody_until_it_ends(
    app: FastAPI, client: httpx2.AsyncClient, user: dict[str, str]
) -> None:
    asset, other = await brought(client, user, PNG), await brought(client, user, SOUND)
    url = httpx2.URL(asset["signed_url"])
    answer = await client.get(url.raw_path.decode())
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"  # so that pages elsewhere can show it
    assert answer.headers["cache-control"].startswith("private")
    assert (await client.get(f"/api/assets/{asset['id']}/content?{url.query.decode()}")).status_code == 200
    for path in (
        f"/assets/{asset['id']}/content",
        f"/assets/{other['id']}/content?{url.query.decode()}",
        url.raw_path.decode().replace("expires=1", "expires=2"),
        f"/assets/{asset['id']}/content?expires=9999999999&signature=%C3%BC",
    ):
        assert (await client.get(path)).status_code == 401
    life = SETTINGS.get(app).link_life
    FILE_LINKS.attach(app, FileLinks(SETTINGS.get(app), clock=lambda: time.time() + life + 1))
    assert (await client.get(url.raw_path.decode())).status_code == 401
