"""A picture that a job made where results are behind signed URLs, and what tests ask about it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.apps import as_user
from tests.orchestrator.rig import Rig

from emprops.queue.messages import Finished, StoredFile

CONTENT = b"\x89PNG not really"
CLOSED = "No file opens by this URL"


@dataclass(frozen=True)
class Made:
    """A picture that a job made, as it is stored."""

    job_id: UUID
    output_id: str
    key: str
    url: str
    thumbnail: str


async def made(rig: Rig, **options: Any) -> Made:
    """Have a picture made for the rig's user."""
    job_id = await rig.start(**options)
    claim = await rig.worker.claim_one()
    key = f"generations/{job_id}/{claim.ticket.id}-1-0123abcd-0.png"
    small = f"thumbnails/{key}.webp"
    storage = rig.app.state.resources.storage
    await storage.put_bytes(key, CONTENT, "image/png")
    await storage.put_bytes(small, CONTENT, "image/webp")
    file = StoredFile(key=key, mime_type="image/png", size=3, sha256="0" * 64, thumbnail_key=small)
    assert await rig.worker.finish(claim, Finished(files=(file,), data={"text": rig.settings.base_url}))
    await rig.settle()
    [output] = await rig.rows("SELECT id FROM output WHERE job_id = %s", job_id)
    files = f"{rig.settings.base_url}/files"
    return Made(job_id, str(output["id"]), key, f"{files}/{key}", f"{files}/{small}")


async def got(rig: Rig, path: str, who: dict[str, str] | None = None) -> Any:
    response = await rig.client.get(path, headers=as_user(rig.user_id) if who is None else who)
    assert response.status_code == 200, (path, response.text)
    return response


async def opens(rig: Rig, url: str, **headers: str) -> int:
    """How the api answers to who has this URL, and nothing else unless told."""
    path = url.removeprefix(rig.settings.base_url)
    response = await rig.client.get(path, headers=headers)
    if response.status_code != 200:
        assert CLOSED in response.json()["error"]
    return response.status_code


async def publish(rig: Rig, output_id: str, status: str) -> str:
    """Give the deck of an output a state; returns the deck."""
    [deck] = await rig.rows("SELECT deck_id AS id FROM output WHERE id = %s", output_id)
    reply = await rig.client.patch(f"/decks/{deck['id']}", json={"status": status}, headers=as_user(rig.user_id))
    assert reply.status_code == 200, reply.text
    return str(deck["id"])
