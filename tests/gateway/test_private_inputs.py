"""Private files as inputs of remote workers: under the claim that takes them, by the URL that was signed for it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from tests.gateway.rig import Side, add_key, http_side, storage_of
from tests.queue.helpers import lapse, make_ticket

from emprops.auth.file_links import FILE_LINKS, FileLinks
from emprops.kit.database import Database
from emprops.media.result_links import RESULT_LINKS, ResultLinks
from emprops.queue.dispatch import Queue
from emprops.queue.messages import Claim

PRIVATE = "assets/0123456789abcdef.png"


@pytest.fixture
def links(app: FastAPI) -> FileLinks:
    return FILE_LINKS.get(app)


async def claim_on(queue: Queue, side: Side, files: Path, url: str) -> Claim:
    """A claim on a step whose payload names a private file in this way."""
    stored = files / "files" / PRIVATE
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(b"a private picture")
    await queue.enqueue([make_ticket("takes", payload={"image": f"http://testserver/files/{url}"})])
    return await side.worker.claim_one()


@pytest.fixture
async def taking(queue: Queue, side: Side, files: Path, links: FileLinks) -> Claim:
    """A claim on a step that takes a private file."""
    return await claim_on(queue, side, files, f"{PRIVATE}?{links.query(PRIVATE, 60)}")


@pytest.mark.parametrize("named", ["{key}?{ended}", "{key}?{other}", "{key}", "{key}#{good}", "{key}x?{good}"])
async def test_a_private_file_opens_only_by_the_url_that_was_signed_for_the_step(
    queue: Queue, side: Side, url: str, key: str, files: Path, links: FileLinks, named: str
) -> None:
    """Whoever knows where somebody's file is can write that into a payload; it opens nothing."""
    queries = {"good": links.query(PRIVATE, 60), "ended": links.query(PRIVATE, -1), "other": links.query("other", 60)}
    claim = await claim_on(queue, side, files, named.format(key=PRIVATE, **queries))
    async with storage_of(url, key, lambda: [claim]) as storage:
        with pytest.raises(FileNotFoundError):
            await storage.read(PRIVATE)


async def test_a_private_input_is_read_under_the_claim_that_takes_it(url: str, key: str, taking: Claim) -> None:
    async with storage_of(url, key, lambda: [taking]) as storage:
        assert await storage.size(PRIVATE) == 17
        assert await storage.read(PRIVATE) == b"a private picture"
        assert [chunk async for chunk in storage.stream(PRIVATE, 2, 7)] == [b"private"]
        with pytest.raises(FileNotFoundError):
            await storage.read("assets/another.png")


async def test_a_private_file_is_for_no_other_claim(
    database: Database, client: Any, url: str, key: str, queue: Queue, taking: Claim
) -> None:
    other_key = await add_key(database, "worker")
    other = await http_side(client, url, other_key, "worker-2")
    await queue.enqueue([make_ticket("other", payload={"text": f"/files/{PRIVATE}0.png?"})])
    claim = await other.worker.claim_one()
    forged = replace(claim, ticket=taking.ticket)
    unlike = replace(claim, ticket=replace(claim.ticket, payload=taking.ticket.payload))
    try:
        for held in (forged, taking, unlike):
            async with storage_of(url, other_key, lambda held=held: [held], "worker-2") as storage:
                with pytest.raises(FileNotFoundError):
                    await storage.read(PRIVATE)
    finally:
        await other.close()


async def test_a_private_file_is_gone_when_the_claim_has_lapsed(
    client: Any, url: str, key: str, queue: Queue, taking: Claim
) -> None:
    await lapse(client, "takes")
    await queue.reclaim()
    async with storage_of(url, key, lambda: [taking]) as storage:
        with pytest.raises(FileNotFoundError):
            await storage.read(PRIVATE)


RESULT = "generations/job/step-1-0123abcd-0.png"


@pytest.fixture
def signed(app: FastAPI, links: FileLinks) -> Iterator[None]:
    """Results open by signed URLs only."""
    before = RESULT_LINKS.get(app)
    RESULT_LINKS.attach(app, ResultLinks(before.settings.model_copy(update={"result_links": "signed"}), links))
    yield
    RESULT_LINKS.attach(app, before)


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize(("named", "opens"), [("{file}?{good}", True), ("{file}", False), ("look at {file}", False)])
async def test_a_result_that_is_not_public_opens_like_a_private_file(
    queue: Queue, side: Side, url: str, key: str, files: Path, links: FileLinks, named: str, opens: bool
) -> None:
    stored = files / "files" / RESULT
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(b"a result")
    text = named.format(file=f"http://testserver/files/{RESULT}", good=links.query(RESULT, 60))
    await queue.enqueue([make_ticket("takes", payload={"image": text})])
    claim = await side.worker.claim_one()
    headers = {"x-api-key": key, "worker-name": "worker-1", "claim-token": claim.token}
    async with httpx2.AsyncClient(base_url=url, headers=headers) as http:
        answer = await http.get(f"/api/worker/files/{RESULT}?step=takes")
    assert answer.status_code == (200 if opens else 404), answer.text
