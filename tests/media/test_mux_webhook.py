"""Mux's webhook: only what it signed, each event once, in any order."""

import itertools
from typing import Any

import httpx2
import pytest
from tests.fakes.mux import WEBHOOK_SECRET, signed
from tests.media.conftest import MuxRig

from emprops.media.mux.signature import is_genuine, sign

URL = "/webhooks/mux"


async def send(client: httpx2.AsyncClient, document: Any, **how: Any) -> httpx2.Response:
    body, headers = signed(document, **how)
    return await client.post(URL, content=body, headers=headers)


async def test_ready_fills_the_playback_id(mux: MuxRig, mux_client: httpx2.AsyncClient) -> None:
    file_id, asset_id = await mux.asset()
    mux.fake.becomes(asset_id, "ready")
    reply = await send(mux_client, mux.fake.event("ready", asset_id))
    assert (reply.status_code, reply.json()["data"]) == (200, "applied")
    assert await mux.ids(file_id) == (asset_id, mux.fake.assets[asset_id]["playback_ids"][0]["id"])


async def test_an_event_is_applied_once(mux: MuxRig, mux_client: httpx2.AsyncClient) -> None:
    _, asset_id = await mux.asset()
    event = mux.fake.event("ready", asset_id)
    outcomes = [(await send(mux_client, event)).json()["data"] for _ in range(3)]
    assert outcomes == ["applied", "repeated", "repeated"]
    assert len(await mux.rows("SELECT * FROM mux_event")) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(("created", "ready", "deleted"))), ids="-".join)
async def test_order_does_not_matter(mux: MuxRig, mux_client: httpx2.AsyncClient, order: tuple[str, ...]) -> None:
    """A deleted asset stays deleted, whatever is heard later; the asset id stays as its trace."""
    file_id, asset_id = await mux.asset()
    for kind in order:
        assert (await send(mux_client, mux.fake.event(kind, asset_id))).status_code == 200
        playable = (await mux.ids(file_id))[1] is not None
        seen = order[: order.index(kind) + 1]
        assert playable == ("ready" in seen and "deleted" not in seen)
    assert await mux.ids(file_id) == (asset_id, None)


async def test_created_after_ready_takes_nothing_back(mux: MuxRig, mux_client: httpx2.AsyncClient) -> None:
    file_id, asset_id = await mux.asset()
    await send(mux_client, mux.fake.event("ready", asset_id))
    for late in ("created", "errored"):
        await send(mux_client, mux.fake.event(late, asset_id))
        assert (await mux.ids(file_id))[1] is not None


async def test_an_asset_whose_answer_was_lost_is_found_by_its_event(
    mux: MuxRig, mux_client: httpx2.AsyncClient
) -> None:
    mux.fake.lose_answers = True
    file_id = await mux.video()
    await mux.deliver()
    [asset_id] = mux.fake.assets
    await send(mux_client, mux.fake.event("created", asset_id))
    assert await mux.ids(file_id) == (asset_id, None)
    mux.fake.lose_answers = False
    await mux.due_now()
    await mux.deliver()
    assert list(mux.fake.assets) == [asset_id], "no second one was made"


async def test_assets_of_others_change_nothing(mux: MuxRig, mux_client: httpx2.AsyncClient) -> None:
    file_id = await mux.video()
    await mux.deliver()
    before = await mux.ids(file_id)
    stranger = {"id": "stranger", "status": "ready", "playback_ids": [{"id": "p", "policy": "public"}]}
    for passthrough in (None, "", f"emprops:{file_id}:0000000000000000", f"emprops:{file_id}", "emprops:x:y", 7):
        event = {"type": "video.asset.ready", "id": "e", "data": stranger | {"passthrough": passthrough}}
        assert (await send(mux_client, event)).json()["data"] == "ignored"
    assert await mux.ids(file_id) == before
    assert await mux.rows("SELECT * FROM mux_event") == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "video.upload.created", "id": "e", "data": {}},
        {"type": "video.asset.ready", "id": "e", "data": None},
        {"type": "video.asset.ready", "id": None, "data": {"id": "a"}},
        {"type": "video.asset.ready", "id": "e", "data": {"id": ["a"]}},
        {"type": "video.asset.ready", "id": "e", "data": {"id": "a", "playback_ids": 7}},
        {"type": "video.asset.ready", "id": "e", "data": {"id": "a", "playback_ids": [1, {"id": 1, "policy": None}]}},
        {"type": ["video.asset.ready"], "id": "e", "data": {"id": "a"}},
        [],
        "text",
    ],
    ids=range(10),
)
async def test_other_events_are_taken_and_ignored(mux_client: httpx2.AsyncClient, document: Any) -> None:
    reply = await send(mux_client, document)
    assert (reply.status_code, reply.json()["data"]) == (200, "ignored")


async def test_what_is_not_signed_now_is_refused_before_it_is_read(mux: MuxRig, mux_client: httpx2.AsyncClient) -> None:
    file_id, asset_id = await mux.asset()
    event = mux.fake.event("ready", asset_id)
    body, headers = signed(event)
    tampered = body.replace(b"ready", b"readY", 1)
    attempts = [
        await send(mux_client, event, secret="another secret"),
        await send(mux_client, event, age=600),
        await send(mux_client, event, age=-600),
        await send(mux_client, event, secret="wrong", raw=b"{not json"),
        await mux_client.post(URL, content=body),
        await mux_client.post(URL, content=tampered, headers=headers),
        await mux_client.post(URL, content=body, headers=headers | {"mux-signature": ""}),
    ]
    assert [reply.status_code for reply in attempts] == [401] * len(attempts)
    assert {reply.json()["code"] for reply in attempts} == {"unauthorized"}
    assert await mux.ids(file_id) == (asset_id, None)
    assert await mux.rows("SELECT * FROM mux_event") == []


async def test_signed_nonsense(mux_client: httpx2.AsyncClient) -> None:
    assert (await send(mux_client, None, raw=b"{not json")).status_code == 400
    assert (await send(mux_client, None, raw=b" " * 300_000)).status_code == 413
    body, headers = signed({})
    reply = await mux_client.post(URL, content=body, headers=headers | {"content-encoding": "gzip"})
    assert reply.status_code == 400


async def test_without_a_secret_there_is_no_such_address(mux: MuxRig, mux_client: httpx2.AsyncClient) -> None:
    resources = mux_client._transport.app.state.resources  # type: ignore[attr-defined]
    off = mux.settings.model_copy(update={"mux_webhook_secret": type(mux.settings.mux_webhook_secret)("")})
    object.__setattr__(resources, "settings", off)
    reply = await send(mux_client, {}, secret="")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "header",
    ["", "t=,v1=", "v1=ab", "t=1000", "t=1000,v1=", "t=1000,t=1000,v1={}", "t=x,v1={}", "t=1301,v1={}",
     "t=699,v1={}", "t=1000;v1={}", "T=1000,V1={}", "t=1000,v0={}", "t=１０００,v1={}",
     "t=1000,v1=é", "t=1000,v1={}\n", "t= 1000,v1={}"],
)  # fmt: skip
def test_headers_that_prove_nothing(header: str) -> None:
    good = sign(WEBHOOK_SECRET, b"body", 1000).partition("v1=")[2]
    assert not is_genuine(WEBHOOK_SECRET, header.format(good), b"body", 1000.0)


def test_headers_that_do() -> None:
    good = sign(WEBHOOK_SECRET, b"body", 1000)
    other = sign("old secret", b"body", 1000).partition(",")[2]
    for header in (good, f"{good},v1=00", f"{good},{other}", good.replace(",", ", "), f"{good},v2=x"):
        assert is_genuine(WEBHOOK_SECRET, header, b"body", 1299.0), header
        assert not is_genuine("", header, b"body", 1000.0)
        assert not is_genuine(WEBHOOK_SECRET, header, b"body ", 1000.0)
