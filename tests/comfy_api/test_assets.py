"""Assets in the words of Comfy API v2: what users brought, and what their jobs made."""

from pathlib import Path
from typing import Any

import pytest
from tests.comfy_api import schema
from tests.comfy_api.door import PICTURE, ask, job_of, refusal, run, submit
from tests.factories.assets import make_asset
from tests.fakes.pictures import PNG
from tests.orchestrator.rig import Rig

from emprops.kit.ids import new_id


@pytest.fixture
async def result(rig: Rig, tmp_path: Path) -> dict[str, Any]:
    """A result with a file."""
    stored = tmp_path / PICTURE.key
    stored.parent.mkdir(parents=True)
    stored.write_bytes(PNG)
    job = await submit(rig)
    await run(rig)
    return dict((await job_of(rig, job["id"]))["outputs"][0])


async def test_a_result_is_an_asset(rig: Rig, result: dict[str, Any]) -> None:
    reply = await ask(rig, "GET", f"/assets/{result['id']}")
    asset = schema.check(schema.ASSET, reply.json())
    assert (asset["content_type"], asset["file_path"], asset["size_bytes"]) == ("image/png", "fox_00001_.png", 3)
    assert (asset["job_id"], asset["url"]) == (result["job_id"], result["url"])


async def test_its_content_and_parts_of_it(rig: Rig, result: dict[str, Any]) -> None:
    content = f"/assets/{result['id']}/content"
    whole = await ask(rig, "GET", content)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, PNG, "image/png")
    assert whole.headers["cache-control"].startswith("private")
    part = await ask(rig, "GET", content, Range="bytes=1-3")
    assert (part.status_code, part.content) == (206, PNG[1:4])
    assert part.headers["content-range"] == f"bytes 1-3/{len(PNG)}"
    head = await ask(rig, "HEAD", content)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PNG)))
    beyond = await ask(rig, "GET", content, Range="bytes=9000-")
    refusal(beyond, 416, "no_such_range")
    assert beyond.headers["content-range"] == f"bytes */{len(PNG)}"


async def test_it_is_its_owners_only(rig: Rig, result: dict[str, Any]) -> None:
    rig.user_id = new_id()
    for part in ("", "/content"):
        foreign = refusal(await ask(rig, "GET", f"/assets/{result['id']}{part}"), 404, "not_found")
        assert foreign == refusal(await ask(rig, "GET", f"/assets/{new_id()}{part}"), 404, "not_found")


async def test_what_was_brought_is_an_asset(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        asset_id = await make_asset(tx, rig.user_id)
    reply = await ask(rig, "GET", f"/assets/{asset_id}")
    asset = schema.check(schema.ASSET, reply.json())
    assert asset["hash"].startswith("blake3:")
    assert asset["url"] == f"http://testserver/api/v2/assets/{asset_id}/content"
