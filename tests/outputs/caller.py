"""Requests about outputs, and jobs that make some."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
from tests import factories
from tests.apps import as_user
from tests.outputs.opening import open_outputs

from emprops.kit.database import Database
from emprops.outputs import job_results
from emprops.settings import Settings


class Caller:
    """A user's requests."""

    def __init__(self, client: httpx2.AsyncClient, user: UUID) -> None:
        self.client, self.user = client, user

    async def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        response = await self.client.request(method, path, json=body, headers=as_user(self.user))
        assert response.status_code == status, response.text
        return response.json()["data"] if status < 300 else response.json()["error"]

    async def make(self, collection: factories.Collection, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self(
            "POST", "/outputs", {"collection_id": str(collection.id), **fields}, status=201
        )
        return made

    async def deck(self, deck_id: Any) -> dict[str, Any]:
        deck: dict[str, Any] = await self("GET", f"/decks/{deck_id}")
        return deck


async def make_file(database: Database, user: UUID | None, *, file_id: int | None = None, **columns: Any) -> int:
    values = {"url": f"generations/{uuid4().hex}.png", "mime_type": "image/png", "user_id": user, **columns}
    if file_id is not None:
        values["id"] = file_id
    names = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    async with database.transaction() as tx:
        made: int = await tx.fetch_value(
            f"INSERT INTO flat_file ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks}) RETURNING id",
            list(values.values()),
        )
    return made


async def generated(database: Database, collection: factories.Collection) -> tuple[factories.Job, UUID]:
    """A job and the output that the server made for it."""
    async with database.transaction() as tx:
        job = await factories.make_job(tx, collection=collection, status="processing")
        (output,) = await open_outputs(tx, job)
    return job, output


async def finish(database: Database, settings: Settings, job: factories.Job, file_id: int) -> str:
    """End a job with a file; gives the file's URL."""
    async with database.transaction() as tx:
        key = await tx.fetch_value("SELECT url FROM flat_file WHERE id = %s", (file_id,))
        url = f"{settings.base_url}/files/{key}"
        file = job_results.FileRow(id=file_id, url=url, mime_type="image/png")
        await job_results.complete_for_jobs(tx, {job.id: {0: [file]}})
    return url


async def listed(call: Caller, query: str = "") -> list[str]:
    return [item["id"] for item in await call("GET", f"/outputs{query}")]


async def counts(
    call: Caller, deck: Any, collection: factories.Collection
) -> tuple[int, dict[str, int], dict[str, int]]:
    shown = await call.deck(deck)
    of_deck = await call("GET", f"/decks/{deck}/stats")
    of_collection = await call("GET", f"/collections/{collection.id}/outputs/stats")
    return shown["output_count"], of_deck["byStatus"], of_collection["byStatus"]


COMPLETION = {
    "url": "https://cdn.example.com/file.mp4",
    "mime_type": "video/mp4",
    "thumbnail_url": "https://...",
    "flat_file_id": 12345,
    "output_metadata": {"seed": 7},
}
