"""What assets are tried with."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests import factories
from tests.apps import as_user
from tests.looking import looked_at_here  # noqa: F401 - a fixture

from emprops.assets import service
from emprops.assets.service import Shelf
from emprops.kit import outbox
from emprops.kit.database import Database
from emprops.media.storage import FolderStorage
from emprops.settings import Settings

Client = httpx2.AsyncClient


@pytest.fixture
async def user(database: Database) -> dict[str, str]:
    """Headers of a user."""
    async with database.transaction() as tx:
        return as_user(await factories.make_user(tx))


@pytest.fixture
async def other(database: Database) -> dict[str, str]:
    """Headers of somebody else."""
    async with database.transaction() as tx:
        return as_user(await factories.make_user(tx))


@pytest.fixture
def shelf(settings: Settings, database: Database, tmp_path: Path) -> Shelf:
    """What the api keeps assets with, in this process."""
    return Shelf(database, FolderStorage(tmp_path), settings)


async def upload(
    client: httpx2.AsyncClient, who: dict[str, str], content: bytes, **query: str | int
) -> httpx2.Response:
    """Send a file as the body."""
    return await client.post(
        "/assets", params=query, content=content, headers=who | {"content-type": "application/octet-stream"}
    )


async def brought(
    client: httpx2.AsyncClient, who: dict[str, str], content: bytes, **query: str | int
) -> dict[str, Any]:
    """An asset of these bytes."""
    answer = await upload(client, who, content, **query)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def stored(folder: Path) -> list[Path]:
    """The files of assets in storage."""
    return sorted(path for path in (folder / "assets").glob("**/*") if path.is_file())


async def delivered(shelf: Shelf) -> None:
    """Do what is in the outbox, also what is due later."""
    async with shelf.database.transaction() as tx:
        await tx.execute("UPDATE outbox SET next_at = now() WHERE done_at IS NULL")
    await outbox.deliver_due(shelf.database, service.handlers(shelf.database, shelf.storage))
