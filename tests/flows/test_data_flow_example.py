"""The document's "Data Flow Example", step by step: real api, worker, engines and HTTP, a real image, a real video."""

import asyncio
import io
from typing import Any

import av
import pytest
import redis.asyncio
from PIL import Image
from pydantic import SecretStr
from tests.apps import served, service_key
from tests.fakes.mux import TOKEN_ID, TOKEN_SECRET, WEBHOOK_SECRET, FakeMux, signed
from tests.flows.conftest import System, running_system

from emprops.kit.database import Database
from emprops.samples.store import SAMPLES
from emprops.settings import Settings

pytestmark = pytest.mark.usefixtures("shared_worker")

GLOBAL = "image-to-video-global-collection"
"""The document's name for the collection that makes the video."""


async def name_as_the_document_does(system: System) -> None:
    async with system.database.transaction() as tx:
        await tx.execute("UPDATE collection SET slug = %s WHERE slug = 'image-to-video'", (GLOBAL,))


async def sent(system: System, method: str, path: str, body: Any, status: int) -> dict[str, Any]:
    response = await system.http.request(method, path, json=body, headers={"user_id": str(system.user_id)})
    assert response.status_code == status, response.text
    assert response.json()["error"] is None
    return dict(response.json()["data"])


async def test_the_data_flow_example(system: System) -> None:
    await name_as_the_document_does(system)
    collection_id = str(SAMPLES.collections["art"])
    image = await create_pending_output(system, collection_id)
    file = await complete_with_a_generation(system, collection_id, image["id"])
    video = await develop_into_a_video(system, image, file)
    await video_completes(system, video)
    await deck_shows_both(system, image["deck_id"], image["id"], video["output_id"])
    await all_of_it_is_theirs_after_sign_up(system, image["deck_id"], [image["id"], video["output_id"]])


async def create_pending_output(system: System, collection_id: str) -> dict[str, Any]:
    """1. Create pending output → creates output + auto-creates deck."""
    body = {
        "collection_id": collection_id,
        "source": "miniapp",
        "social_org": "farcaster",
        "social_identifier": "vitalik",
    }
    image = await sent(system, "POST", "/outputs", body, 201)
    assert (image["status"], image["source"], image["is_custodial"]) == ("pending", "miniapp", True)
    assert image["deck_id"] is not None
    return image


async def complete_with_a_generation(system: System, collection_id: str, output_id: str) -> dict[str, Any]:
    """2. Generation completes; gives its file."""
    job = await system.finished(await system.generate(collection_id, {"prompt": "a quiet harbour", "seed": 7}))
    (file,) = job["data"]["outputs"][0]["files"]
    picture = await system.file(file["url"])
    with Image.open(io.BytesIO(picture.content)) as opened:
        assert opened.format == "PNG"
    body = {"url": file["url"], "flat_file_id": file["id"], "mime_type": "image/png"}
    completed = await sent(system, "PATCH", f"/outputs/{output_id}/complete", body, 200)
    assert (completed["status"], completed["url"]) == ("completed", file["url"])
    assert [one["id"] for one in await system.get(f"/collections/{collection_id}/outputs")] == [output_id]
    return dict(file)


async def develop_into_a_video(system: System, image: dict[str, Any], file: dict[str, Any]) -> dict[str, Any]:
    """3. User wants to make it a video → creates new output in same deck, starts job."""
    video = await sent(system, "POST", f"/outputs/{image['id']}/develop", {"collection_id": GLOBAL}, 202)
    assert video["source_output"] == {"id": image["id"], "url": file["url"], "mime_type": "image/png"}
    assert (video["develop_collection"]["input_type"], video["develop_collection"]["output_type"]) == ("image", "video")
    waiting = await system.get(f"/outputs/{video['output_id']}")
    assert (waiting["deck_id"], waiting["source_output_id"]) == (image["deck_id"], image["id"])
    return video


async def video_completes(system: System, video: dict[str, Any]) -> None:
    """4. Video completes → output marked completed."""
    ended = await system.finished(video["job_id"])
    assert (ended["status"], ended["job_type"]) == ("completed", "develop"), ended["error_message"]
    film = await system.get(f"/outputs/{video['output_id']}")
    assert (film["status"], film["mime_type"], film["url"]) == ("completed", "video/mp4", ended["workflow_output"])
    with av.open(io.BytesIO((await system.file(film["url"])).content)) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert frames >= 48
    (flat_file,) = (await system.get(f"/api/jobs/{video['job_id']}/forensics"))["job"]["payload"]["_flat_files"]
    assert (flat_file["id"], flat_file["mime_type"]) == (film["flat_file_id"], "video/mp4")
    assert flat_file["mux_playback_id"] is None, "without Mux' credentials the file plays by itself"


async def deck_shows_both(system: System, deck_id: str, image_id: str, video_id: str) -> None:
    """5. User views their deck → deck with all outputs (image + video)."""
    deck = await system.get(f"/decks/{deck_id}")
    assert [(one["id"], one["mime_type"], one["position"], one["status"]) for one in deck["outputs"]] == [
        (image_id, "image/png", 1, "completed"),
        (video_id, "video/mp4", 2, "completed"),
    ]
    assert deck["output_count"] == 2
    lineage = await system.get(f"/outputs/{video_id}/lineage")
    assert [one["id"] for one in lineage["ancestors"]] == [image_id]


async def all_of_it_is_theirs_after_sign_up(system: System, deck_id: str, output_ids: list[str]) -> None:
    custodian, person = system.user_id, type(system.user_id)(int=system.user_id.int ^ 1)
    transfer = {"social_org": "farcaster", "social_identifier": "vitalik", "user_id": str(person)}
    response = await system.http.post(
        "/api/social-links/transfer", json=transfer, headers=await service_key(system.database)
    )
    assert response.status_code == 200, response.text
    assert (response.json()["data"]["decks"], response.json()["data"]["outputs"]) == (1, 2)
    refused = await system.http.get(f"/decks/{deck_id}", headers={"user_id": str(custodian)})
    assert refused.status_code == 404
    system.user_id = person
    assert [one["id"] for one in (await system.get(f"/decks/{deck_id}"))["outputs"]] == output_ids


async def test_with_mux_the_video_streams(
    flow_settings: Settings, database: Database, redis: redis.asyncio.Redis
) -> None:
    """Step 4 with Mux: the finished video becomes an asset, and the signed event fills the playback id."""
    fake = FakeMux()
    async with served(fake.app()) as mux:
        credentials = {
            "mux_token_id": TOKEN_ID,
            "mux_token_secret": SecretStr(TOKEN_SECRET),
            "mux_webhook_secret": SecretStr(WEBHOOK_SECRET),
            "mux_base_url": str(mux.base_url).rstrip("/"),
        }
        async with running_system(flow_settings.model_copy(update=credentials), database, redis) as system:
            picture = await system.finished(await system.generate("art", {"prompt": "sea", "seed": 3}))
            (image,) = await system.get(f"/collections/{picture['data']['collectionId']}/outputs")
            video = await sent(
                system,
                "POST",
                f"/outputs/{image['id']}/develop",
                {"collection_id": "image-to-video", "variables": {"duration": "2s"}},
                202,
            )
            assert (await system.finished(video["job_id"]))["status"] == "completed"

            forensics = f"/api/jobs/{video['job_id']}/forensics"

            async def flat_file() -> dict[str, Any]:
                (file,) = (await system.get(forensics))["job"]["payload"]["_flat_files"]
                return dict(file)

            async with asyncio.timeout(30):  # the outbox is delivered every two seconds
                while (asset_id := (await flat_file())["mux_asset_id"]) is None:
                    pass
            fake.becomes(asset_id, "ready")
            body, headers = signed(fake.event("ready", asset_id))
            assert (await system.http.post("/webhooks/mux", content=body, headers=headers)).status_code == 200
            playback_id = fake.assets[asset_id]["playback_ids"][0]["id"]
            assert (await flat_file())["mux_playback_id"] == playback_id

            output = await system.get(f"/outputs/{video['output_id']}")
            assert output["status"] == "completed"
            page = await system.http.get(output["watch_url"].removeprefix(system.settings.base_url))
            assert page.status_code == 200
            assert playback_id in page.text


async def test_the_samples_chain_on_this_machine(system: System) -> None:
    """image → larger image → video, by the samples' own names."""
    names = {one["title"]: one for one in await system.get("/outputs/develop/collections?input_type=image")}
    assert names.keys() >= {"Image to Video", "Upscale Image"}
    job = await system.finished(await system.generate("art", {"prompt": "sea", "seed": 3}))
    (output,) = await system.get(f"/collections/{job['data']['collectionId']}/outputs")
    chain = [output["id"]]
    steps: list[tuple[str, dict[str, str]]] = [("upscale", {"factor": "2x"}), ("image-to-video", {"duration": "2s"})]
    for collection, variables in steps:
        body = {"collection_id": collection, "variables": variables}
        begun = await sent(system, "POST", f"/outputs/{chain[-1]}/develop", body, 202)
        ended = await system.finished(begun["job_id"])
        assert ended["status"] == "completed", ended["error_message"]
        chain.append(begun["output_id"])
    deck = await system.get(f"/decks/{output['deck_id']}")
    assert [(one["id"], one["mime_type"]) for one in deck["outputs"]] == list(
        zip(chain, ["image/png", "image/png", "video/mp4"], strict=True)
    )
    lineage = await system.get(f"/outputs/{chain[0]}/lineage")
    assert [(one["id"], one["depth"]) for one in lineage["descendants"]] == [(chain[1], 1), (chain[2], 2)]
