"""A finished video becomes a Mux asset: through the outbox, once, whatever is lost on the way."""

import asyncio

import pytest
from tests.media.conftest import MuxRig

from emprops.auth.file_links import FileLinks
from emprops.media.mux import assets
from emprops.media.mux.client import client_from
from emprops.media.result_links import ResultLinks
from emprops.settings import Settings, SettingsError


async def test_a_video_becomes_an_asset(mux: MuxRig) -> None:
    file_id, asset_id = await mux.asset()
    asset = mux.fake.assets[asset_id]
    [file] = await mux.rows("SELECT url FROM flat_file WHERE id = %s", file_id)
    assert asset["_inputs"] == [{"url": f"{mux.settings.base_url}/files/{file['url']}"}]
    assert [one["policy"] for one in asset["playback_ids"]] == ["public"]
    assert await mux.deliver() == 0
    assert len(mux.fake.assets) == 1


async def test_mux_fetches_a_video_that_opens_by_signed_urls_only(mux: MuxRig) -> None:
    mux.settings = mux.settings.model_copy(update={"result_links": "signed"})
    file_id, asset_id = await mux.asset()
    [file] = await mux.rows("SELECT url FROM flat_file WHERE id = %s", file_id)
    [fetched] = mux.fake.assets[asset_id]["_inputs"]
    assert ResultLinks(mux.settings, FileLinks(mux.settings)).opens(fetched["url"])
    assert fetched["url"].startswith(f"{mux.settings.base_url}/files/{file['url']}?")


async def test_only_videos_and_only_with_credentials(mux: MuxRig) -> None:
    await mux.video("image/png")
    mux.settings = mux.settings.model_copy(update={"mux_token_id": ""})
    await mux.video()
    assert await mux.rows("SELECT * FROM outbox") == []
    assert client_from(mux.settings.model_copy(update={"mux_token_secret": Settings().mux_token_secret})) is None
    assert assets.handlers(None, mux.database, mux.storage, mux.settings) == {}


async def test_what_turns_out_to_be_a_sound_is_not_sent(mux: MuxRig) -> None:
    """Looking into the file may end before the outbox is delivered."""
    file_id = await mux.video()
    await mux.rows("UPDATE flat_file SET mime_type = 'audio/mp4' WHERE id = %s RETURNING id", file_id)
    assert await mux.deliver() == 1
    assert mux.fake.assets == {}


async def test_an_outage_delays_the_asset(mux: MuxRig) -> None:
    mux.fake.fail = 503
    file_id = await mux.video()
    assert await mux.deliver() == 1
    assert await mux.deliver() == 0, "the next attempt is not due yet"
    [row] = await mux.rows("SELECT *, next_at > now() AS later FROM outbox")
    assert (row["attempts"], row["done_at"], row["given_up_at"], row["later"]) == (1, None, None, True)
    assert "503" in row["error"]
    mux.fake.fail = None
    await mux.due_now()
    assert await mux.deliver() == 1
    assert (await mux.ids(file_id))[0] in mux.fake.assets
    [row] = await mux.rows("SELECT * FROM outbox")
    assert row["done_at"] is not None
    assert row["error"] is None


async def test_what_mux_refuses_is_given_up_and_costs_nothing_else(mux: MuxRig) -> None:
    mux.fake.fail = 422
    file_id = await mux.video()
    await mux.deliver()
    [row] = await mux.rows("SELECT * FROM outbox")
    assert row["given_up_at"] is not None
    assert "422" in row["error"]
    await mux.due_now()
    assert await mux.deliver() == 0
    assert await mux.ids(file_id) == (None, None)


async def test_an_unreachable_mux_is_tried_again(mux: MuxRig) -> None:
    nowhere = client_from(mux.settings.model_copy(update={"mux_base_url": "http://127.0.0.1:9"}))
    assert nowhere is not None
    mux.client = nowhere
    await mux.video()
    await mux.deliver()
    [row] = await mux.rows("SELECT * FROM outbox")
    assert row["given_up_at"] is None
    assert "could not be reached" in row["error"]


async def test_a_lost_answer_leaves_one_asset(mux: MuxRig) -> None:
    """Mux made the asset, the answer was lost, the next attempt makes another: one of them goes."""
    mux.fake.lose_answers = True
    file_id = await mux.video()
    await mux.deliver()
    [first] = mux.fake.assets
    mux.fake.lose_answers = False
    await mux.due_now()
    await mux.deliver()
    [second] = set(mux.fake.assets) - {first}
    assert await mux.ids(file_id) == (second, None)
    late = assets.AssetEvent("late", "video.asset.created", first, passthrough=mux.fake.assets[first]["passthrough"])
    async with mux.database.transaction() as tx:
        assert await assets.apply(tx, late, policy="public") == "ignored"
    await mux.deliver()
    assert list(mux.fake.assets) == [second]
    assert await mux.ids(file_id) == (second, None)


async def test_processes_do_not_deliver_one_row_twice(mux: MuxRig) -> None:
    for _ in range(6):
        await mux.video()
    attempts = await asyncio.gather(*(mux.deliver() for _ in range(4)))
    assert sum(attempts) == 6
    assert len(mux.fake.assets) == 6


async def test_a_process_that_dies_with_a_row_only_delays_it(mux: MuxRig) -> None:
    await mux.video()
    handlers = assets.handlers(mux.client, mux.database, mux.storage, mux.settings)
    from emprops.kit.outbox import _take

    assert len(await _take(mux.database, handlers)) == 1  # and is never heard of again
    assert await mux.deliver() == 0
    await mux.due_now()
    assert await mux.deliver() == 1
    assert len(mux.fake.assets) == 1


async def silence(mux: MuxRig, file_id: int, seconds: float) -> None:
    """Let so much time pass since the file was made and anything was heard of its asset."""
    async with mux.database.transaction() as tx:
        await tx.execute(
            "UPDATE flat_file SET created_at = now() - %(s)s * interval '1 second',"
            " updated_at = now() - %(s)s * interval '1 second' WHERE id = %(id)s",
            {"s": seconds, "id": file_id},
        )


async def test_a_missed_webhook_is_caught_by_the_poll(mux: MuxRig) -> None:
    file_id, asset_id = await mux.asset()
    assert await assets.poll(mux.client, mux.database) == 0, "a webhook gets its time"
    await silence(mux, file_id, 130)
    assert await assets.poll(mux.client, mux.database) == 1
    assert await mux.ids(file_id) == (asset_id, None)
    mux.fake.becomes(asset_id, "ready")
    await silence(mux, file_id, 130)
    assert sum(await asyncio.gather(*(assets.poll(mux.client, mux.database) for _ in range(3)))) == 1
    assert await mux.ids(file_id) == (asset_id, mux.fake.assets[asset_id]["playback_ids"][0]["id"])
    await silence(mux, file_id, 130)
    assert await assets.poll(mux.client, mux.database) == 0, "ready assets are not asked about"
    assert await assets.poll(None, mux.database) == 0


@pytest.mark.parametrize("end", ["errored", "gone"])
async def test_the_poll_stops_at_an_end(mux: MuxRig, end: str) -> None:
    file_id, asset_id = await mux.asset()
    if end == "gone":
        del mux.fake.assets[asset_id]
    else:
        mux.fake.becomes(asset_id, "errored")
    await silence(mux, file_id, 130)
    assert await assets.poll(mux.client, mux.database) == 1
    await silence(mux, file_id, 10_000)
    assert await assets.poll(mux.client, mux.database) == 0
    assert await mux.ids(file_id) == (asset_id, None)


async def test_polls_become_rarer_and_end(mux: MuxRig) -> None:
    file_id, _ = await mux.asset()
    async with mux.database.transaction() as tx:
        await tx.execute(
            "UPDATE flat_file SET created_at = now() - interval '2 hours', updated_at = now() - interval '50 minutes'"
        )
    assert await assets.poll(mux.client, mux.database) == 0, "asked 70 minutes after it was made: wait as long again"
    await silence(mux, file_id, 8 * 86400)
    assert await assets.poll(mux.client, mux.database) == 0


async def test_an_outage_does_not_end_the_poll(mux: MuxRig) -> None:
    file_id, asset_id = await mux.asset()
    mux.fake.fail = 500
    await silence(mux, file_id, 130)
    assert await assets.poll(mux.client, mux.database) == 1
    mux.fake.fail = None
    mux.fake.becomes(asset_id, "ready")
    await silence(mux, file_id, 130)
    await assets.poll(mux.client, mux.database)
    assert (await mux.ids(file_id))[1] is not None


def test_half_of_the_credentials_is_refused() -> None:
    for given in ({"mux_token_id": "a"}, {"mux_token_secret": "b"}, {"mux_signing_key_id": "k"}):
        with pytest.raises(SettingsError, match="belong together"):
            client_from(Settings(**given))  # type: ignore[arg-type]
