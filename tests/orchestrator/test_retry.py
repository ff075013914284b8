"""Retry."""

from tests.apps import as_user
from tests.factories import make_job, make_step
from tests.orchestrator.rig import FAILED, Rig, failed_job, picture

from emprops.kit.ids import new_id


async def test_a_failed_job_starts_again_under_its_id(rig: Rig) -> None:
    job_id = await failed_job(rig)
    before = await rig.job(job_id)
    assert await rig.ok(job_id, "retry") == {
        "jobId": str(job_id),
        "retryAttempt": 1,
        "message": "Retry 1 of 3 started",
    }
    job = await rig.job(job_id)
    assert (job["status"], job["retry_count"], job["progress"], job["current_step"]) == ("pending", 1, 0, 0)
    cleared = ("error_message", "started_at", "completed_at", "workflow_output")
    assert [job[name] for name in cleared] == [None] * 4
    assert job["data"] == before["data"] | {"last_retry_attempt": 1}
    assert (await rig.history(job_id))[-1] == "Retry 1 of 3 started"
    [output] = await rig.outputs(job_id)
    assert (output["status"], output["error_message"]) == ("pending", None)
    earlier, new = await rig.steps(job_id)
    assert (earlier["status"], earlier["error_message"], earlier["retry_attempt"]) == ("failed", FAILED.error, 0)
    assert (new["status"], new["retry_attempt"], new["attempt"], new["reused_from"]) == ("pending", 1, 0, None)
    assert new["input_data"] == earlier["input_data"]
    assert new["id"] != earlier["id"]

    await rig.dispatcher.flush()
    claim = await rig.run(picture())
    assert claim.ticket.id == str(new["id"])
    job = await rig.job(job_id)
    assert job["status"] == "completed"
    assert job["workflow_output"].endswith("/files/generations/a.png")
    assert [output["status"] for output in await rig.outputs(job_id)] == ["completed"]


async def test_the_job_is_backed_up_as_it_was(rig: Rig) -> None:
    job_id = await failed_job(rig)
    before = await rig.job(job_id)
    await rig.ok(job_id, "retry")
    [backup] = await rig.rows("SELECT * FROM job_retry_backup WHERE job_id = %s", job_id)
    assert (backup["retry_attempt"], backup["previous_status"]) == (1, "failed")
    assert backup["data"] == before["data"]
    assert backup["error_message"] == FAILED.error
    assert backup["started_at"] is not None
    assert backup["completed_at"] is not None
    assert backup["workflow_output"] is None


async def test_finished_steps_are_reused(rig: Rig) -> None:
    job_id = await failed_job(rig, steps=3, done=1)
    answer = await rig.ok(job_id, "retry")
    assert answer["message"] == "Retry 1 of 3 started; 1 of 3 steps reused: step 1"
    assert "Node step 1 reused from an earlier attempt" in await rig.history(job_id)
    *earlier, first, second, third = await rig.steps(job_id)
    assert (first["status"], first["reused_from"]) == ("completed", earlier[0]["id"])
    assert first["output_data"] == earlier[0]["output_data"]
    assert first["completed_at"] == earlier[0]["completed_at"]
    assert second["depends_on"] == [first["id"]]
    assert third["depends_on"] == [second["id"]]
    assert str(first["id"]) in str(second["template"])
    assert str(second["id"]) in str(third["template"])
    assert second["input_data"] == earlier[1]["input_data"]  # its reference is reused, so it is ready at once
    assert third["input_data"] is None

    await rig.dispatcher.flush()
    assert (await rig.run(picture("two"))).ticket.id == str(second["id"])
    assert (await rig.job(job_id))["progress"] == 66.67
    claim = await rig.run(picture("three"))
    assert claim.ticket.id == str(third["id"])
    assert claim.ticket.payload["image"].endswith("two.png")
    job = await rig.job(job_id)
    assert (job["status"], job["workflow_output"][-9:]) == ("completed", "three.png")


async def test_a_result_reused_twice_still_fills_its_output(rig: Rig) -> None:
    job_id = await rig.start(generations=2)
    await rig.run(picture("first"))
    await rig.run(FAILED)
    await rig.ok(job_id, "retry")
    await rig.dispatcher.flush()
    await rig.run(FAILED)
    await rig.ok(job_id, "retry")
    await rig.dispatcher.flush()
    await rig.run(picture("second"))
    outputs = await rig.outputs(job_id)
    assert [output["status"] for output in outputs] == ["completed", "completed"]
    assert [output["url"].rpartition("/")[2] for output in outputs] == ["first.png", "second.png"]
    assert all(output["flat_file_id"] and output["thumbnail_url"] for output in outputs)
    steps = await rig.steps(job_id)
    assert [step["reused_from"] for step in steps[::2]] == [None, steps[0]["id"], steps[0]["id"]]
    listed = await rig.ok_output(job_id)
    assert [one["generation"] for one in listed["outputs"]] == [0, 1]


async def test_when_everything_had_finished_the_job_ends_at_once(rig: Rig) -> None:
    job_id = await rig.start(steps=2, price=1)
    await rig.run(picture("one"))
    claim = await rig.worker.claim_one()
    assert await rig.worker.finish(claim, picture("two"))
    # what ended the job was not a step: the last one finished, and the job could not
    await rig.execute(
        "UPDATE step SET status = 'completed', completed_at = now(), output_data = %s::jsonb WHERE id = %s",
        '{"files": [{"id": 1, "url": "http://localhost:3001/files/generations/two.png", "mime_type": "image/png"}]}',
        claim.ticket.id,
    )
    await rig.ok(job_id, "failed", {"error_message": "The result could not be recorded"}, **rig.service)
    answer = await rig.ok(job_id, "retry")
    assert answer["message"] == "Retry 1 of 3: all steps had finished, so the job ends with their results"
    job = await rig.job(job_id)
    assert (job["status"], job["retry_count"]) == ("completed", 1)
    assert job["workflow_output"].endswith("two.png")
    assert await rig.entries(job_id) == ["hold", "release", "hold", "capture"]
    await rig.settle()
    assert (await rig.history(job_id)).count("Generation completed") == 1


async def test_the_stored_steps_count_not_the_collection(rig: Rig) -> None:
    job_id = await failed_job(rig)
    await rig.execute("UPDATE collection SET data = '{}'::jsonb")
    await rig.execute("UPDATE workflow SET data = '{}'::jsonb WHERE name LIKE 'noop%%'")
    await rig.ok(job_id, "retry")
    await rig.dispatcher.flush()
    assert (await rig.run(picture())).ticket.payload == {"prompt": "a quiet harbour"}


async def test_after_three_retries_it_is_over(rig: Rig) -> None:
    job_id = await failed_job(rig)
    for attempt in (1, 2, 3):
        assert (await rig.ok(job_id, "retry"))["retryAttempt"] == attempt
        await rig.dispatcher.flush()
        await rig.run(FAILED)
    response = await rig.post(job_id, "retry")
    assert response.status_code == 400
    assert response.json()["error"] == "Job has reached maximum retry limit (3)"
    assert response.json()["data"] is None
    assert len(await rig.rows("SELECT FROM job_retry_backup WHERE job_id = %s", job_id)) == 3
    assert [step["retry_attempt"] for step in await rig.steps(job_id)] == [0, 1, 2, 3]


async def test_the_limit_is_the_jobs_own(rig: Rig) -> None:
    job_id = await failed_job(rig)
    await rig.execute("UPDATE job SET max_retries = 0 WHERE id = %s", job_id)
    assert await rig.refused(job_id, "retry") == "Job has reached maximum retry limit (0)"


async def test_only_failed_and_stuck_jobs_are_retried(rig: Rig) -> None:
    job_id = await rig.start()
    assert "wait until nothing has happened to it for 10 minutes" in await rig.refused(job_id, "retry")
    await rig.age(job_id, 11)
    assert (await rig.ok(job_id, "retry"))["retryAttempt"] == 1
    await rig.dispatcher.flush()
    await rig.run(picture())
    assert "has completed" in await rig.refused(job_id, "retry")


async def test_a_cancelled_job_can_be_retried(rig: Rig) -> None:
    job_id = await rig.start()
    await rig.ok(job_id, "cancel")
    await rig.ok(job_id, "retry")
    assert await rig.rows("SELECT cancelled_at FROM job WHERE id = %s", job_id) == [{"cancelled_at": None}]


async def test_only_generations_are_retried(rig: Rig) -> None:
    job_id = await failed_job(rig)
    await rig.execute("UPDATE job SET job_type = 'import' WHERE id = %s", job_id)
    assert await rig.refused(job_id, "retry") == "Only generations can be retried; this job is a import."


async def test_a_job_without_steps_cannot_be_retried(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        job = await make_job(tx, rig.user_id, status="failed")
    assert "no steps" in await rig.refused(job.id, "retry")


async def test_whose_job_it_is(rig: Rig) -> None:
    job_id = await failed_job(rig)
    for headers in (as_user(new_id()), {}):
        response = await rig.client.post(f"/api/jobs/{job_id}/retry", headers=headers)
        assert response.status_code == (404 if headers else 401)
    assert (await rig.post(new_id(), "retry")).status_code == 404
    assert (await rig.ok(job_id, "retry", **rig.service))["retryAttempt"] == 1


async def test_a_stuck_attempt_is_called_back(rig: Rig) -> None:
    job_id = await rig.start(generations=2)
    held = await rig.worker.claim_one()
    await rig.settle()
    await rig.age(job_id, 11)
    await rig.ok(job_id, "retry")
    first, second, *new = await rig.steps(job_id)
    assert (first["status"], second["status"]) == ("failed", "failed")
    assert first["error_message"] == "The job was retried"
    await rig.dispatcher.flush()
    assert await rig.ticket_states([first, second, *new]) == [None, None, "waiting", "waiting"]
    assert not await rig.worker.finish(held, picture("late")), "the old attempt's report must be refused"
    await rig.settle()
    assert [step["status"] for step in await rig.steps(job_id)] == ["failed", "failed", "pending", "pending"]


async def test_nothing_is_charged_twice(rig: Rig) -> None:
    job_id = await failed_job(rig, steps=2, done=1, price=2)
    assert await rig.entries(job_id) == ["hold", "release"]
    await rig.ok(job_id, "retry")
    assert await rig.entries(job_id) == ["hold", "release", "hold"]
    await rig.dispatcher.flush()
    await rig.run(picture())
    assert await rig.entries(job_id) == ["hold", "release", "hold", "capture"]
    [account] = await rig.rows("SELECT available, held FROM credit_account WHERE user_id = %s", rig.user_id)
    assert account == {"available": 996_000_000, "held": 0}


async def test_a_stuck_job_keeps_its_hold(rig: Rig) -> None:
    job_id = await rig.start(price=2)
    await rig.age(job_id, 11)
    await rig.ok(job_id, "retry")
    assert await rig.entries(job_id) == ["hold"]


async def test_a_retry_that_cannot_be_paid_changes_nothing(rig: Rig) -> None:
    job_id = await failed_job(rig, price=2)
    await rig.execute("UPDATE credit_account SET available = 500000 WHERE user_id = %s", rig.user_id)
    before = await rig.job(job_id)
    response = await rig.post(job_id, "retry")
    assert response.status_code == 402
    assert response.json()["error"] == "Not enough credits."
    assert (response.json()["needed"], response.json()["available"]) == (2, 0.5)
    assert await rig.job(job_id) == before
    assert await rig.rows("SELECT FROM job_retry_backup") == []
    assert len(await rig.steps(job_id)) == 1


async def test_a_result_that_cannot_be_used_is_made_again(rig: Rig) -> None:
    """A step behind it needs a file or a text, and it gave neither: reusing it would fail again and again."""
    async with rig.database.transaction() as tx:
        job = await make_job(tx, rig.user_id, status="failed", steps=2)
        first = await make_step(tx, job, status="completed", is_result=False, output_data={"files": [], "data": {}})
        second = await make_step(tx, job, order=2, status="failed", depends_on=(first,))
        await tx.execute(
            "UPDATE step SET template = %s::jsonb WHERE id = %s",
            (f'{{"image": {{"$ref": "{first}"}}}}', second),
        )
    assert (await rig.ok(job.id, "retry"))["message"] == "Retry 1 of 3 started"
    assert [step["status"] for step in await rig.steps(job.id)][2:] == ["pending", "pending"]
