"""Input files that come within the payload."""

import base64
from pathlib import Path

import pytest
from tests.fakes.pictures import PNG
from tests.queue.helpers import make_ticket

from emprops.connectors.base import BadInputError
from emprops.kit.outbound.client import GuardedClient
from emprops.media.storage import FolderStorage
from emprops.queue.messages import Claim
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context

ENCODED = base64.urlsafe_b64encode(PNG).decode().rstrip("=")


@pytest.fixture
async def context(tmp_path: Path) -> Context:
    settings = Settings(mode="test", data_dir=tmp_path)
    claim = Claim(make_ticket("s"), "f" * 32, 1)
    storage = FolderStorage(tmp_path / "files")
    return Context(claim, board=Board(), storage=storage, http=GuardedClient(settings), settings=settings)


@pytest.mark.parametrize("url", [f"data:image/png;base64,{ENCODED}", f"data:;base64,{ENCODED}\n"])
async def test_a_data_url_is_an_input_file(context: Context, url: str) -> None:
    path, mime_type = await context.fetch(url)
    assert (path.read_bytes(), mime_type) == (PNG, "image/png")
    with pytest.raises(BadInputError, match="at most 3 are taken"):
        await context.fetch(url, max_bytes=3)
    context.end()
    assert not path.exists()


@pytest.mark.parametrize("url", ["data:image/png;base64,§", "data:image/png;base64,"])
async def test_one_that_is_broken_is_bad_input(context: Context, url: str) -> None:
    with pytest.raises(BadInputError, match="empty or not valid base64"):
        await context.fetch(url)
    context.end()
