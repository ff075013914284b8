"""Files of users as inputs: by id, by URL, within the request; as workers get them; and never somebody else's."""

import base64
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from tests.apps import as_user
from tests.assets.conftest import brought
from tests.factories import Collection, make_collection, make_noop_workflow, make_output, make_user
from tests.fakes.moderation import FakeModeration
from tests.looking import looked_at_here
from tests.media.builders import picture as pixels
from tests.moderation.conftest import judge, moderate, service
from tests.orchestrator.rig import FAILED, FORM, Rig, picture
from tests.orchestrator.sources import IMAGE, both, make_source

from emprops.media.storage import key_of
from emprops.orchestrator.repair.rescue import rebuild_redis

__all__ = ["judge", "looked_at_here", "moderate", "service"]
pytestmark = pytest.mark.usefixtures("looked_at_here")
PNG = pixels("PNG", (64, 32))
SOUND = b"RIFF\x24\0\0\0WAVEfmt "
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
VIDEO_FORM = {"fields": [*FORM["fields"], {"id": "clip", "type": "video_loader"}]}


@pytest.fixture
async def collection(rig: Rig) -> Collection:
    return await takes_pictures(rig)


async def takes_pictures(rig: Rig, owner: UUID | None = None, **changes: Any) -> Collection:
    async with rig.database.transaction() as tx:
        name = await make_noop_workflow(tx, VIDEO_FORM)
        data = {
            "version": "v2",
            "steps": [
                {
                    "id": 1,
                    "nodeName": name,
                    "nodePayload": {"image": "{{image}}", "prompt": "{{prompt}}", "clip": "{{clip}}"},
                }
            ],
            "variables": [
                IMAGE | changes,
                {"name": "prompt", "type": "text", "value": "a fox"},
                {"name": "clip", "type": "text", "required": False},
            ],
            "generations": {"generations": 1},
        }
        return await make_collection(tx, owner, data=data, is_public=True)


async def generate(rig: Rig, collection: Collection, variables: dict[str, Any], **body: Any) -> httpx2.Response:
    return await rig.client.post(
        f"/api/collections/{collection.id}/generate",
        json={"variables": variables, **body},
        headers=as_user(rig.user_id),
    )


async def payload_of(rig: Rig, reply: httpx2.Response) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    await rig.dispatcher.flush()
    return (await rig.run(picture())).ticket.payload


async def bring(rig: Rig, content: bytes = PNG, who: UUID | None = None) -> dict[str, Any]:
    return await brought(rig.client, as_user(who or rig.user_id), content)


@pytest.mark.parametrize("how", ["{id}", " asset:{id} ", "{url}", "/api/assets/{id}/content", "ASSET:{id}"])
async def test_an_asset_is_named_in_every_way(rig: Rig, collection: Collection, tmp_path: Path, how: str) -> None:
    asset = await bring(rig)
    reply = await generate(rig, collection, {"image": how.format(**asset)})
    payload = await payload_of(rig, reply)
    key = key_of(rig.settings, payload["image"], private=True)
    assert key is not None
    assert (tmp_path / key).read_bytes() == PNG
    job = await rig.job(UUID(reply.json()["data"]["jobId"]))
    assert job["data"]["variables"] == {"image": f"asset:{asset['id']}"}


async def test_the_url_that_a_step_has_opens_for_services(rig: Rig, collection: Collection) -> None:
    payload = await payload_of(rig, await generate(rig, collection, {"image": (await bring(rig))["id"]}))
    path = payload["image"].removeprefix(rig.settings.base_url)
    answer = await rig.client.get(path)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["cache-control"].startswith("private")
    assert (await rig.client.get(path.partition("?")[0])).status_code == 404
    assert (await rig.client.get(path[:-1] + ("A" if path[-1] != "A" else "B"))).status_code == 404
    assert (await rig.client.get(path.replace("expires=1", "expires=2"))).status_code == 404


async def test_a_data_url_becomes_an_asset(rig: Rig, collection: Collection) -> None:
    large = pixels("PNG", (1500, 1500), compress_level=0)
    assert len(large) > 5_000_000
    url = f"data:image/png;base64,{base64.b64encode(large).decode()}"
    reply = await generate(rig, collection, {"image": url})
    payload = await payload_of(rig, reply)
    assert (await rig.client.get(payload["image"].removeprefix(rig.settings.base_url))).content == large
    [asset] = (await rig.client.get("/assets", headers=as_user(rig.user_id))).json()["data"]
    job = await rig.job(UUID(reply.json()["data"]["jobId"]))
    assert job["data"]["variables"] == {"image": f"asset:{asset['id']}"}


async def test_data_urls_are_limited(rig: Rig, collection: Collection) -> None:
    file = base64.b64encode(bytes(8_000_001)).decode()
    reply = await generate(rig, collection, {"image": f"data:image/png;base64,{file}"})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_variables")
    assert "more than 8 MB; upload the file with POST /assets" in reply.json()["details"]["image"]
    reply = await generate(rig, collection, {"image": DATA_URL, "prompt": "x" * 1_100_000})
    assert reply.status_code == 413
    for name in ("prompt", "unknown"):
        reply = await generate(rig, collection, {"image": DATA_URL, name: f"data:text/plain;base64,{'A' * 70_000}"})
        assert reply.json()["details"] == {name: "takes no file"}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("data:image/png;base64,", "is a data: URL that is empty or not valid base64"),
        ("data:image/png;base64,!!!", "is a data: URL that is empty or not valid base64"),
        (DATA_URL[:120], "cannot be read: The picture is damaged"),
        (f"data:image/png;base64,{base64.b64encode(SOUND).decode()}", "takes an image, and this file is audio/"),
    ],
)
async def test_bad_data_urls_are_refused_by_name(rig: Rig, collection: Collection, url: str, problem: str) -> None:
    reply = await generate(rig, collection, {"image": url})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_variables")
    assert reply.json()["details"]["image"].startswith(problem)
    assert (await rig.client.get("/assets", headers=as_user(rig.user_id))).json()["data"] == []


@pytest.mark.parametrize("how", ["{}", "output:{}"])
async def test_a_result_is_an_input_by_the_id_of_its_output(rig: Rig, collection: Collection, how: str) -> None:
    first = await generate(rig, collection, {"image": (await bring(rig))["id"]})
    await payload_of(rig, first)
    [output] = first.json()["data"]["outputIds"]
    shown = (await rig.client.get(f"/outputs/{output}", headers=as_user(rig.user_id))).json()["data"]
    payload = await payload_of(rig, await generate(rig, collection, {"image": how.format(output)}))
    assert payload["image"] == shown["url"]


async def test_what_is_not_ones_own_looks_unknown(rig: Rig, collection: Collection) -> None:
    async with rig.database.transaction() as tx:
        stranger = await make_user(tx)
        public = await make_collection(tx, stranger, is_public=True)
        output = await make_output(tx, public, stranger, status="completed", url="https://cdn.example.com/a.png")
    asset = await bring(rig, who=stranger)
    for foreign, unknown in (
        (asset["id"], uuid4()),
        (str(output), uuid4()),
        (f"output:{output}", f"output:{uuid4()}"),
        (f"asset:{asset['id']}", f"asset:{uuid4()}"),
        (asset["url"], f"/assets/{uuid4()}/content"),
    ):
        replies = [await generate(rig, collection, {"image": str(value)}) for value in (foreign, unknown)]
        assert {reply.status_code for reply in replies} == {400}
        assert replies[0].json()["details"] == replies[1].json()["details"]
        assert list(replies[0].json()["details"]) == ["image"]


async def test_outputs_that_have_no_result_are_named(rig: Rig, collection: Collection) -> None:
    async with rig.database.transaction() as tx:
        source, _ = await make_source(tx, rig, status="pending", url=None)
    reply = await generate(rig, collection, {"image": str(source)})
    assert reply.json()["details"] == {"image": "names an output that is pending; take a completed one"}


async def test_a_file_of_another_kind_is_refused(rig: Rig, collection: Collection) -> None:
    sound, still = await bring(rig, SOUND), await bring(rig)
    reply = await generate(rig, collection, {"image": sound["id"], "clip": still["id"]})
    assert reply.json()["details"] == {
        "image": "takes an image, and this asset is audio/wav",
        "clip": "takes a video, and this asset is image/png",
    }
    page = await bring(rig, b"<!doctype html><html></html>")
    reply = await generate(rig, collection, {"image": page["id"]})
    assert reply.json()["details"] == {"image": "takes an image, and this asset is text/html"}


async def test_a_file_of_no_known_kind_may_be_anything(rig: Rig, collection: Collection) -> None:
    unknown = await bring(rig, bytes(range(256)))
    assert (await generate(rig, collection, {"image": unknown["id"]})).status_code == 200


@pytest.mark.parametrize("value", ["asset:harbour.png", "output:", " Asset: 7"])
async def test_what_names_a_file_by_no_id_is_refused(rig: Rig, collection: Collection, value: str) -> None:
    reply = await generate(rig, collection, {"image": value})
    assert reply.json()["details"] == {"image": "names neither an asset nor an output of yours"}
    texts = {"image": "https://cdn.example.com/a.png", "prompt": value}
    assert (await generate(rig, collection, texts)).status_code == 200


async def test_ids_in_texts_stay_texts(rig: Rig, collection: Collection) -> None:
    asset = await bring(rig)
    payload = await payload_of(rig, await generate(rig, collection, {"image": asset["id"], "prompt": asset["id"]}))
    assert payload["prompt"] == asset["id"]


async def test_a_collection_brings_files_of_its_owner(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        owner = await make_user(tx)
    asset = await bring(rig, who=owner)
    collection = await takes_pictures(rig, owner, value=f"asset:{asset['id']}")
    payload = await payload_of(rig, await generate(rig, collection, {}))
    assert (await rig.client.get(payload["image"].removeprefix(rig.settings.base_url))).content == PNG
    stolen = await takes_pictures(rig, value=f"asset:{asset['id']}")
    assert (await generate(rig, stolen, {})).json()["code"] == "COLLECTION_CORRUPTED"
    trap = await takes_pictures(rig, value=f"asset:{(await bring(rig))['id']}")
    assert (await generate(rig, trap, {})).json()["code"] == "COLLECTION_CORRUPTED"


async def test_an_asset_stays_while_a_job_takes_it(rig: Rig, collection: Collection) -> None:
    asset = await bring(rig)
    reply = await generate(rig, collection, {"image": asset["id"]})
    mine = as_user(rig.user_id)
    assert (await rig.client.delete(f"/assets/{asset['id']}", headers=mine)).json()["code"] == "asset_in_use"
    await payload_of(rig, reply)
    assert (await rig.client.delete(f"/assets/{asset['id']}", headers=mine)).status_code == 200


async def test_a_retry_takes_it_again(rig: Rig, collection: Collection) -> None:
    asset = await bring(rig)
    reply = await generate(rig, collection, {"image": asset["id"]})
    await rig.dispatcher.flush()
    first = await rig.run(FAILED)
    job_id = UUID(reply.json()["data"]["jobId"])
    await rig.ok(job_id, "retry")
    await rig.dispatcher.flush()
    again = await rig.worker.claim_one()
    keys = [key_of(rig.settings, claim.ticket.payload["image"], private=True) for claim in (first, again)]
    assert keys[0] is not None
    assert keys[0] == keys[1]


async def test_a_lost_redis_is_told_where_it_is_again(rig: Rig, collection: Collection) -> None:
    await generate(rig, collection, {"image": (await bring(rig))["id"]})
    await rig.dispatcher.flush()
    await rig.redis.flushdb()
    await rebuild_redis(rig.dispatcher)
    claim = await rig.worker.claim_one()
    assert key_of(rig.settings, claim.ticket.payload["image"], private=True)


async def test_prices_take_files_too_and_keep_nothing(rig: Rig, collection: Collection) -> None:
    asset = await bring(rig)
    mine = as_user(rig.user_id)
    for value in (asset["id"], f"data:image/png;base64,{base64.b64encode(pixels('PNG', (9, 9))).decode()}"):
        body = {"variables": {"image": value}}
        reply = await rig.client.post(f"/api/collections/{collection.id}/price", json=body, headers=mine)
        assert reply.status_code == 200, reply.text
    assert len((await rig.client.get("/assets", headers=mine)).json()["data"]) == 1


async def test_developing_takes_assets_for_further_variables(rig: Rig) -> None:
    source, _, collection = await both(rig, variables=(IMAGE,), payload={"image": "{{image}}"})
    asset = await bring(rig)
    body = {"collection_id": str(collection.id), "variables": {"image": asset["id"]}}
    for headers in (as_user(rig.user_id), rig.service):
        reply = await rig.client.post(f"/outputs/{source}/develop", json=body, headers=headers)
        assert reply.status_code == 202, reply.text
        await rig.dispatcher.flush()
        claim = await rig.run(picture(f"film-{headers is rig.service}"))
        assert key_of(rig.settings, claim.ticket.payload["image"], private=True)


async def test_moderation_can_open_what_goes_in(
    rig: Rig, collection: Collection, moderate: Any, judge: FakeModeration
) -> None:
    moderate()
    asset = await bring(rig)
    assert (await generate(rig, collection, {"image": asset["id"], "prompt": "asset:nude"})).status_code == 200
    (asked,) = judge.asked
    assert asked["variables"]["image"] == f"asset:{asset['id']}"
    assert "asset:nude" in asked["texts"]
    (url,) = asked["files"]
    assert (await rig.client.get(url.removeprefix(rig.settings.base_url))).content == PNG
