"""All jobs of a user over a WebSocket: begun anywhere, with previews, resumed without loss."""

import pytest
from tests.factories import Job, make_job, make_output, make_user
from tests.live.mine import mine, my_jobs, show, told
from tests.live.scene import Scene
from tests.orchestrator.rig import FAILED, picture
from tests.plans import Explaining, many_jobs

from emprops.jobs.mine import follow, queries
from emprops.kit.database import Database
from emprops.kit.ids import new_id

pytestmark = pytest.mark.timeout(60)


async def test_a_job_that_is_begun_later_is_followed_to_its_outputs(scene: Scene) -> None:
    async with mine(scene) as (page, answer), mine(scene, new_id()) as (stranger, _):
        assert (answer["jobs"], answer["resync"], answer["jobs_truncated"]) == ([], False, False)
        job_id = await scene.start(steps=2)
        begun = await told(page, job_id, status="pending")
        first = await scene.worker.claim_one()
        await scene.settle()
        await scene.progress(first, 30)
        await told(page, job_id, status="processing", progress=15)
        assert await scene.worker.finish(first, picture("a"))
        await scene.settle()
        await scene.run(picture("b"))
        end = await told(page, job_id, status="completed")
        await stranger.ask("ping", "heartbeat_ack")
    job = end["job"]
    [output] = await scene.outputs(job_id)
    assert job["output_ids"] == [str(output["id"])]
    assert job["thumbnail_url"].endswith("/thumbnails/b.webp")
    assert (job["mime_type"], job["collection_title"] != "", job["error_message"]) == ("image/png", True, None)
    assert job["wait_seconds"] >= 0
    assert job["run_seconds"] >= 0
    assert "data" not in job
    assert begun["job"]["output_ids"] == job["output_ids"]
    cursors = [int(m["at"]) for m in page.log if "at" in m]
    assert cursors == sorted(cursors)
    assert "my_job" not in stranger.kinds()


async def test_who_comes_back_hears_what_happened_meanwhile(scene: Scene) -> None:
    done, failed = await scene.start(), await scene.start()
    async with mine(scene) as (_, answer):
        at = answer["at"]
    assert {job["id"] for job in answer["jobs"]} == {str(done), str(failed)}
    await scene.execute("UPDATE job SET updated_at = now() - interval '1 hour', created_at = now() - interval '1 hour'")
    await scene.run(picture())
    await scene.run(FAILED)
    untouched = await scene.start()
    await scene.execute("UPDATE job SET updated_at = now() - interval '1 hour' WHERE id = %s", untouched)
    begun = await scene.start()
    async with mine(scene, since=at) as (_, answer):
        assert answer["resync"] is False
    assert {job["id"]: job["status"] for job in answer["jobs"]} == {
        str(done): "completed",
        str(failed): "failed",
        str(begun): "pending",
    }


@pytest.mark.parametrize("since", ["", "rubbish", "0", "9" * 17, "1600000000000000"])
async def test_who_comes_back_with_what_is_no_cursor_of_today_reloads(scene: Scene, since: str) -> None:
    job_id = await scene.start()
    async with mine(scene, since=since) as (page, answer):
        assert answer["resync"] is True
        assert [job["id"] for job in answer["jobs"]] == [str(job_id)]
        await scene.run(picture())
        await told(page, job_id, status="completed")


async def test_too_many_changes_are_left_to_the_lists(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MAX_SHOWN", 2)
    async with mine(scene) as (_, answer):
        at = answer["at"]
    jobs = [await scene.start() for _ in range(3)]
    async with mine(scene, since=at) as (_, answer):
        assert (answer["resync"], answer["jobs_truncated"]) == (True, True)
        assert [job["id"] for job in answer["jobs"]] == [str(job_id) for job_id in jobs[:0:-1]]


async def test_previews_come_in_the_form_that_is_asked_for_and_end_with_the_job(scene: Scene) -> None:
    async with (
        mine(scene) as (page, _),
        mine(scene, previews="inline") as (inline, _),
        mine(scene, previews="none") as (none, _),
    ):
        job_id = await scene.start()
        claim = await scene.worker.claim_one()
        await scene.settle()
        for one in (page, inline, none):
            await told(one, job_id, status="processing")
        await show(scene, job_id, 7)
        shown, picture_in = await page.until("my_job_preview"), await inline.until("my_job_preview")
        async with mine(scene) as (late, _):
            assert (await late.until("my_job_preview"))["seq"] == 7
        assert await scene.worker.finish(claim, picture())
        await scene.settle()
        await show(scene, job_id, 8)
        for one in (page, inline, none):
            await told(one, job_id, status="completed")
            await one.ask("ping", "heartbeat_ack")
    assert shown["url"] == f"/api/jobs/{job_id}/preview?seq=7"
    assert (shown["job_id"], shown["seq"], shown["mime_type"], shown["node"]) == (str(job_id), 7, "image/jpeg", "12")
    assert int(shown["at"])
    assert picture_in["data_url"] == "data:image/jpeg;base64,/9g="
    assert [one.kinds().count("my_job_preview") for one in (page, inline, none)] == [1, 1, 0]


async def test_a_change_without_a_poke_is_found_and_told_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(my_jobs(scene), "_poll", 0.05)
    async with mine(scene) as (page, _):
        async with scene.database.transaction() as tx:
            job = await make_job(tx, scene.user_id)
            gone = await make_job(tx, scene.user_id, status="completed")
        new = {(await page.until("my_job"))["job"]["id"] for _ in range(2)}
        assert new == {str(job.id), str(gone.id)}
        page.log.clear()
        await scene.execute("UPDATE job SET status = 'processing', updated_at = now() WHERE id = %s", job.id)
        await told(page, job.id, status="processing")
    assert page.kinds() == ["my_job"]


async def test_it_ends_when_it_is_ended_and_is_replaced_when_it_is_asked_for_again(scene: Scene) -> None:
    async with mine(scene) as (page, _):
        await page.ask("subscribe_mine", "mine_subscribed", previews="none")
        first = await scene.start()
        await told(page, first)
        await page.ask("unsubscribe_mine", "mine_unsubscribed")
        second = await scene.start()
        await page.subscribe(second)
        await page.ask("unsubscribe_mine", "mine_unsubscribed")
    assert page.kinds().count("my_job") == 1
    assert my_jobs(scene)._listeners == {}


async def test_rubbish_is_answered_with_a_sentence(scene: Scene) -> None:
    async with scene.page() as page, scene.socket("/ws/client/desk", scene.service) as service:
        for fields in ({"since": 7}, {"since": "1" * 101}, {"previews": "all"}):
            await page.send("subscribe_mine", **fields)
            assert (await page.until("error"))["error"].startswith(*fields)
        refused = await service.ask("subscribe_mine", "error")
        assert (refused["code"], refused["error"]) == ("unauthorized", "Say for which user this is.")
        await page.ask("subscribe_mine", "mine_subscribed")


async def test_reads_follow_their_indexes(database: Database) -> None:
    async with database.transaction() as tx:
        user = await many_jobs(tx)
        others = [await make_user(tx) for _ in range(300)]
        since = await queries.clock(tx)
        explaining = Explaining(tx.connection)
        explaining.without = ("seqscan",)
        await queries.changed_of_user(explaining, user, since, 201)
        assert "job_ended_of_user" in explaining.plan
        assert "job_of_user_by_status" in explaining.plan or "job_open" in explaining.plan
        assert "Seq Scan" not in explaining.plan
        await queries.changed_of_users(explaining, others, since, 10_000)
        assert "job_ended_of_user" in explaining.plan
        assert "job_open" in explaining.plan
        assert "Seq Scan" not in explaining.plan
        await queries.open_jobs(explaining, user, 200)
        assert "job_of_user_by_status" in explaining.plan
        assert "Seq Scan" not in explaining.plan
        await queries.owners(explaining, [new_id()])
        assert "job_pkey" in explaining.plan


async def test_rows_show_the_first_visible_picture(scene: Scene) -> None:
    async with scene.database.transaction() as tx:
        job: Job = await make_job(tx, scene.user_id, status="processing")
        await make_output(tx, job=job, generation=0, status="hidden", url="http://x/a.png", mime_type="image/png")
        await make_output(tx, job=job, generation=1, status="completed", url="http://x/b.png", mime_type="image/png")
    async with mine(scene) as (_, answer):
        [row] = answer["jobs"]
    assert (row["thumbnail_url"], row["mime_type"], len(row["output_ids"])) == ("http://x/b.png", "image/png", 2)
