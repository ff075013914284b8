"""Results behind signed URLs: where they are named, who opens them, and that nobody renews an ended one."""

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import orjson
import pytest
from tests.apps import as_user
from tests.factories import make_user
from tests.fakes.moderation import FakeModeration
from tests.moderation.conftest import judge, moderate, service
from tests.orchestrator.rig import Rig, make_recipe
from tests.orchestrator.signed import CONTENT, got, made, opens, publish
from tests.orchestrator.test_files import generate
from tests.plans import Explaining

from emprops.auth.file_links import FileLinks
from emprops.auth.share import SHARE_LINKS
from emprops.jobs.row_queries import row_json, slim_jobs
from emprops.media.access_queries import access_to, taken_by
from emprops.media.result_links import RESULT_LINKS, ResultLinks
from emprops.orchestrator.change.verdict import check_results
from emprops.queue.messages import Finished, StoredFile
from emprops.settings import Settings
from emprops.webhooks.events import Event, body_of

__all__ = ["judge", "moderate", "service"]


@pytest.fixture
def rig_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"result_links": "signed"})


async def test_every_reply_that_names_a_result_has_a_url_that_opens(rig: Rig) -> None:
    one = await made(rig)
    deck = (await got(rig, f"/outputs/{one.output_id}")).json()["data"]["deck_id"]
    [job] = await rig.rows("SELECT collection_id FROM job WHERE id = %s", one.job_id)
    found: set[str] = set()
    for path, who in {
        f"/api/jobs/{one.job_id}": None,
        f"/api/jobs/{one.job_id}?wait=1": None,
        "/api/jobs": None,
        f"/api/jobs/{one.job_id}/output": None,
        f"/api/jobs/{one.job_id}/forensics": None,
        f"/api/jobs/{one.job_id}/stream": None,
        f"/outputs/{one.output_id}": None,
        "/outputs": None,
        f"/decks/{deck}": None,
        f"/collections/{job['collection_id']}/outputs": None,
        f"/api/operator/jobs/{one.job_id}": rig.service,
        "/api/operator/jobs": rig.service,
        f"/api/operator/outputs/{one.output_id}": rig.service,
    }.items():
        text = (await got(rig, path, who)).text
        urls = {part for part in text.replace("\\", "").split('"') if part.startswith(one.url)}
        assert len(urls) == 1, (path, urls)
        found |= urls
    assert len(found) == 1  # it stays the same for a while
    [url] = found
    assert url.startswith(f"{one.url}?expires=")
    assert await opens(rig, url) == 200
    thumbnail = (await got(rig, "/outputs")).json()["data"][0]["thumbnail_url"]
    assert thumbnail.startswith(f"{one.thumbnail}?expires=")
    assert await opens(rig, thumbnail) == 200
    async with rig.database.reader() as reader:
        [row] = await slim_jobs(reader, [one.job_id])
    told = row_json(row, RESULT_LINKS.get(rig.app))  # to who follows all their jobs
    assert (told["workflow_output"], told["thumbnail_url"]) == (url, thumbnail)
    stored = await rig.rows("SELECT workflow_output, data::text FROM job WHERE id = %s", one.job_id)
    assert "signature" not in str(stored)


async def test_a_signed_url_is_read_like_every_file_and_kept_until_it_ends(rig: Rig) -> None:
    one = await made(rig)
    url = (await rig.job(one.job_id))["workflow_output"].removeprefix(rig.settings.base_url)
    whole = await rig.client.get(url)
    expires = int(parse_qs(urlsplit(url).query)["expires"][0])
    assert (whole.content, expires % 900) == (CONTENT, 0)
    kept = whole.headers["cache-control"]
    assert kept.startswith("private, max-age=")
    assert 0 < int(kept.removeprefix("private, max-age=").partition(",")[0]) <= expires - int(time.time()) + 1
    assert (await rig.client.head(url)).headers["content-length"] == str(len(CONTENT))
    part = await rig.client.get(url, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    assert (await rig.client.get(url, headers={"If-None-Match": whole.headers["etag"]})).status_code == 304


async def test_nothing_else_opens_it_but_who_it_belongs_to(rig: Rig) -> None:
    one, other = await made(rig), await made(rig)
    url = (await rig.job(one.job_id))["workflow_output"]
    query = urlsplit(url).query
    for closed in (one.url, one.thumbnail, url.replace("expires=1", "expires=2"), f"{other.url}?{query}", f"{url}x"):
        assert await opens(rig, closed) == 404
        assert await opens(rig, closed, **as_user(UUID(int=5))) == 404
        assert await opens(rig, closed, **as_user(rig.user_id)) == 200
        assert await opens(rig, closed, **rig.service) == 200
    assert await opens(rig, f"{rig.settings.base_url}/files/generations/none.png", **as_user(rig.user_id)) == 404
    late = FileLinks(rig.settings, clock=lambda: time.time() + rig.settings.link_life + 901)
    RESULT_LINKS.attach(rig.app, ResultLinks(rig.settings, late))
    assert await opens(rig, url) == 404


async def test_what_is_published_opens_until_it_is_not_any_more(rig: Rig) -> None:
    one = await made(rig)
    deck = await publish(rig, one.output_id, "published")
    for url in (one.url, one.thumbnail):
        reply = await rig.client.get(url.removeprefix(rig.settings.base_url))
        assert (reply.status_code, reply.headers["cache-control"]) == (200, "public, max-age=60")
    for page in (f"/d/{deck}", f"/watch/{one.output_id}"):
        text = (await got(rig, page, {})).text
        assert urlsplit(one.thumbnail if page.startswith("/d/") else one.url).path in text
        assert "signature" not in text
    await publish(rig, one.output_id, "active")
    assert await opens(rig, one.url) == await opens(rig, one.thumbnail) == 404


async def test_pages_that_are_not_for_everybody_have_urls_that_open(rig: Rig) -> None:
    one = await made(rig)
    [deck] = await rig.rows("SELECT deck_id AS id FROM output WHERE id = %s", one.output_id)
    token = SHARE_LINKS.get(rig.app).token(UUID(one.output_id))
    for page, who in ((f"/watch/{one.output_id}?t={token}", {}), (f"/d/{deck['id']}", as_user(rig.user_id))):
        text = (await got(rig, page, who)).text.replace("&amp;", "&")
        urls = {part for part in text.split('"') if part.startswith("/files/")}
        assert [await opens(rig, url) for url in urls] == [200] * len(urls)
        assert urls


@pytest.mark.parametrize("owns", [True, False])
async def test_a_cover_opens_while_the_collection_of_the_files_owner_is_published(rig: Rig, owns: bool) -> None:
    one = await made(rig)
    signed = (await rig.job(one.job_id))["workflow_output"]
    async with rig.database.transaction() as tx:
        maker = rig.user_id if owns else await make_user(tx)
        collection = await make_recipe(tx, user_id=maker)
        await tx.execute("UPDATE collection SET cover_image_url = %s WHERE id = %s", (signed, collection.id))
    assert await opens(rig, one.url) == (200 if owns else 404)
    await rig.execute("UPDATE collection SET status = 'draft' WHERE id = %s", collection.id)
    assert await opens(rig, one.url) == 404


async def test_who_names_a_url_gets_no_signature_for_it(rig: Rig) -> None:
    """A prompt, a title, metadata and the URL of an output are what somebody wrote."""
    one = await made(rig)
    ended = f"{one.url}?expires=9&signature=x"
    rig.user_id = UUID(int=77)
    async with rig.database.transaction() as tx:
        collection = await make_recipe(tx)
    texts = {"prompt": f"look at {one.url}", "unknown": one.url, "other": ended, "list": [one.url]}
    job_id = (await generate(rig, collection, texts)).json()["data"]["jobId"]
    await rig.dispatcher.flush()
    file = StoredFile(key=f"generations/{job_id}/s/1.txt", mime_type="text/plain", size=3, sha256="0" * 64)
    await rig.run(Finished(files=(file,), data={"text": one.url, "more": [ended, f'"{one.url}"']}))
    body = {"collection_id": str(collection.id), "input_metadata": {"url": one.url}}
    output = (await rig.client.post("/outputs", json=body, headers=as_user(rig.user_id))).json()["data"]["id"]
    for written in (one.url, ended):
        done = {"url": written, "thumbnail_url": one.thumbnail, "output_metadata": {"url": written}}
        reply = await rig.client.patch(f"/outputs/{output}/complete", json=done, headers=as_user(rig.user_id))
        assert reply.status_code == 200
        text = reply.text
        for path in (f"/api/jobs/{job_id}", f"/api/jobs/{job_id}/stream", "/outputs", f"/watch/{output}"):
            text += (await got(rig, path)).text
        assert f"{job_id}/s/1.txt?expires=" in text
        assert f"{one.url}?expires=" not in text.replace(ended, "")
        assert f"{one.thumbnail}?expires=" not in text


async def test_an_output_that_shows_ones_own_file_keeps_it_by_its_plain_url(rig: Rig) -> None:
    one = await made(rig)
    signed = (await rig.job(one.job_id))["workflow_output"]
    [job] = await rig.rows("SELECT collection_id AS id FROM job WHERE id = %s", one.job_id)
    body = {"collection_id": str(job["id"])}
    output = (await rig.client.post("/outputs", json=body, headers=as_user(rig.user_id))).json()["data"]["id"]
    reply = await rig.client.patch(f"/outputs/{output}/complete", json={"url": signed}, headers=as_user(rig.user_id))
    assert (reply.status_code, reply.json()["data"]["url"]) == (200, signed)
    assert await rig.rows("SELECT url FROM output WHERE id = %s", output) == [{"url": one.url}]


async def test_what_is_judged_and_reviewed_opens(rig: Rig, moderate: Any, judge: FakeModeration) -> None:
    moderator = moderate(moderation_stages="results")
    judge.results = {"verdict": "review", "reason": "A face is recognisable."}
    one = await made(rig)
    await rig.execute("UPDATE outbox SET next_at = now()")
    await check_results(rig.dispatcher, moderator)
    [file] = judge.asked[-1]["files"]
    [review] = (await got(rig, "/api/moderation/reviews", rig.service)).json()["data"]
    held = (await got(rig, f"/api/moderation/reviews/{review['id']}", rig.service)).json()["data"]
    for url in (file, *held["files"]):
        assert url.startswith(f"{rig.settings.base_url}/files/generations/{one.job_id}/")
        assert await opens(rig, url) == 200


async def test_a_read_of_a_file_looks_at_no_table_as_a_whole(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        plan = Explaining(tx.connection)
        plan.without = ["seqscan"]
        await access_to(plan, ["generations/a.png"], rig.user_id)
        read = plan.plan
        await taken_by(plan, [(rig.user_id, "generations/a.png")])
    assert "Index" in read
    assert "Seq Scan" not in read + plan.plan


def test_an_event_that_is_sent_again_has_the_same_bytes(rig: Rig) -> None:
    job_id = UUID(int=4)
    url = f"{rig.settings.base_url}/files/generations/{job_id}/s-1-0123abcd-0.png"
    data = orjson.dumps({"job_id": job_id, "result": url, "name": f"see {url}", "error": None}).decode()
    event = Event(UUID(int=7), 3, "job.completed", datetime(2026, 1, 10, 12, tzinfo=UTC), data)
    sent = {
        body_of(event, UUID(int=8), ResultLinks(rig.settings, FileLinks(rig.settings, clock=lambda at=at: at)))
        for at in (1.0, 2e9)
    }
    assert len(sent) == 1
    told = orjson.loads(sent.pop())["data"]
    assert (told["name"], told["result"].partition("&")[0]) == (f"see {url}", f"{url}?expires=1768050000")
    other = orjson.dumps({"job_id": UUID(int=5), "result": url}).decode()
    assert RESULT_LINKS.get(rig.app).in_job(other, UUID(int=5)) == other
