"""Results as inputs of jobs, where they open by signed URLs only."""

from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.factories import Collection
from tests.orchestrator.rig import Rig
from tests.orchestrator.signed import made, opens, publish
from tests.orchestrator.test_files import collection, generate, payload_of, takes_pictures

from emprops.settings import Settings

__all__ = ["collection"]


@pytest.fixture
def rig_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"result_links": "signed"})


async def test_anothers_result_is_no_input_unless_its_url_opens(rig: Rig, collection: Collection) -> None:
    one = await made(rig)
    signed = (await rig.job(one.job_id))["workflow_output"]
    owner, rig.user_id = rig.user_id, UUID(int=78)
    for url in (one.url, f"{one.url}?expires=9&signature=x", urlsplit(one.thumbnail).path, f" {one.url}#a"):
        reply = await generate(rig, collection, {"image": url})
        assert (reply.status_code, list(reply.json()["details"])) == (400, ["image"]), url
        assert "not yours" in reply.json()["details"]["image"]
    assert (await payload_of(rig, await generate(rig, collection, {"image": signed})))["image"] == signed
    stranger, rig.user_id = rig.user_id, owner
    await publish(rig, one.output_id, "published")
    rig.user_id = stranger
    assert (await payload_of(rig, await generate(rig, collection, {"image": one.url})))["image"] == one.url


async def test_workers_get_urls_of_what_a_job_may_take_that_open(rig: Rig, collection: Collection) -> None:
    one = await made(rig)
    payload = await payload_of(rig, await generate(rig, collection, {"image": one.url}))
    assert payload["image"].startswith(f"{one.url}?expires=")
    assert await opens(rig, payload["image"]) == 200
    payload = await payload_of(rig, await generate(rig, collection, {"image": f"output:{one.output_id}"}))
    assert await opens(rig, payload["image"]) == 200
    two = await made(rig, steps=2)
    claim = await rig.worker.claim_one()
    assert claim.ticket.payload["image"].startswith(f"{rig.settings.base_url}/files/generations/{two.job_id}/")
    assert await opens(rig, claim.ticket.payload["image"]) == 200


async def test_a_collection_passes_on_its_makers_results_and_nobody_elses(rig: Rig) -> None:
    one = await made(rig)
    maker, rig.user_id = rig.user_id, UUID(int=80)
    reply = await generate(rig, await takes_pictures(rig, value=one.url), {})
    assert (reply.status_code, "no file of its owner" in reply.text) == (400, True), reply.text
    payload = await payload_of(rig, await generate(rig, await takes_pictures(rig, maker, value=one.url), {}))
    assert await opens(rig, payload["image"]) == 200
    reply = await generate(rig, await takes_pictures(rig, maker), {"image": one.url})
    assert (reply.status_code, list(reply.json()["details"])) == (400, ["image"])
