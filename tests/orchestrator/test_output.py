"""``GET /jobs/{id}/output``, and the repair of an output that is missing."""

import asyncio
from uuid import UUID

from tests.apps import as_user
from tests.factories import make_job
from tests.orchestrator.rig import FAILED, Rig, picture

from emprops.kit.ids import new_id


async def missing(rig: Rig, job_id: UUID) -> str:
    response = await rig.client.get(f"/api/jobs/{job_id}/output", headers=as_user(rig.user_id))
    assert response.status_code == 404
    return str(response.json()["error"])


async def test_a_completed_job_gives_its_results(rig: Rig) -> None:
    job_id = await rig.start(generations=2)
    await rig.run(picture("one"))
    await rig.run(picture("two"))
    output = await rig.ok_output(job_id)
    assert output.keys() == {"workflow_output", "outputs"}
    assert output["workflow_output"].endswith("two.png")
    assert [one["files"][0]["url"].rpartition("/")[2] for one in output["outputs"]] == ["one.png", "two.png"]


async def test_there_is_none_yet_or_never(rig: Rig) -> None:
    job_id = await rig.start()
    assert await missing(rig, job_id) == "Job has no output yet: it is pending."
    await rig.run(FAILED)
    assert await missing(rig, job_id) == "Job has no output: it failed. the model refused"
    async with rig.database.transaction() as tx:
        lost = await make_job(tx, rig.user_id, status="completed")
    assert "cannot be found any more" in await missing(rig, lost.id)


async def test_whose_output_it_is(rig: Rig) -> None:
    job_id = await rig.start()
    path = f"/api/jobs/{job_id}/output"
    assert (await rig.client.get(path, headers=as_user(new_id()))).json()["error"] == "Job not found"
    assert (await rig.client.get(path)).status_code == 401
    assert (await rig.client.get(path, headers=rig.service)).json()["error"].startswith("Job has no output yet")


async def without_output(rig: Rig) -> UUID:
    """A completed job from which every trace of its result is gone, except in Redis."""
    job_id = await rig.start()
    await rig.run(picture())
    await rig.execute("UPDATE job SET workflow_output = NULL, data = data - 'outputs' WHERE id = %s", job_id)
    await rig.execute("UPDATE step SET output_data = NULL WHERE job_id = %s", job_id)
    await rig.execute(
        "UPDATE output SET status = 'failed', url = NULL, flat_file_id = NULL, completed_at = NULL WHERE job_id = %s",
        job_id,
    )
    await rig.execute("DELETE FROM flat_file")
    return job_id


async def test_a_lost_output_is_recovered_from_the_attestation(rig: Rig) -> None:
    job_id = await without_output(rig)
    answers = await asyncio.gather(*(rig.ok_output(job_id) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["workflow_output"].endswith("/files/generations/a.png")
    job = await rig.job(job_id)
    assert (job["status"], job["workflow_output"]) == ("completed", answers[0]["workflow_output"])
    [step] = await rig.steps(job_id)
    assert step["output_data"]["data"] == {"seed": 7}
    [output] = await rig.outputs(job_id)
    assert (output["status"], output["url"]) == ("completed", job["workflow_output"])
    assert (await rig.history(job_id)).count("The missing output was recovered") == 1
    assert len(await rig.rows("SELECT FROM flat_file")) == 1


async def test_without_an_attestation_it_stays_lost(rig: Rig) -> None:
    job_id = await without_output(rig)
    await rig.redis.flushall()
    assert "cannot be found any more" in await missing(rig, job_id)
    assert (await rig.job(job_id))["status"] == "completed"


async def test_the_steps_own_record_is_enough(rig: Rig) -> None:
    job_id = await rig.start()
    await rig.run(picture())
    await rig.execute("UPDATE job SET workflow_output = NULL, data = data - 'outputs' WHERE id = %s", job_id)
    await rig.redis.flushall()
    assert (await rig.ok_output(job_id))["workflow_output"].endswith("a.png")
