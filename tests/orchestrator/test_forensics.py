"""The debug view of a job that failed, was retried, and runs: steps of both attempts, and what Redis has of them."""

from tests.apps import as_user
from tests.orchestrator.rig import FAILED, Rig, picture
from tests.queue.helpers import RETRYABLE

from emprops.kit.ids import new_id


async def test_a_job_with_a_past(rig: Rig) -> None:
    job_id = await rig.start(steps=2)
    first = await rig.run(picture())
    failed = await rig.run(FAILED)
    await rig.ok(job_id, "retry")
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    await rig.settle()

    reply = await rig.client.get(f"/api/jobs/{job_id}/forensics", headers=as_user(rig.user_id))
    assert reply.status_code == 200, reply.text
    job = reply.json()["job"]
    steps = [(one["retry_attempt"], one["step_order"], one["status"]) for one in job["steps"]]
    assert steps == [(0, 1, "completed"), (0, 2, "failed"), (1, 1, "completed"), (1, 2, "processing")]
    assert [one["id"] for one in job["steps"]][:2] == [first.ticket.id, failed.ticket.id]
    assert job["steps"][2]["reused_from"] == first.ticket.id
    assert job["steps"][1]["error_message"] == "the model refused"
    assert job["steps"][3]["input_data"]["image"].endswith("/a.png")
    assert job["steps"][1]["timings"]["running"] >= 0
    assert job["steps"][3]["timings"]["total"] >= job["steps"][3]["timings"]["running"]

    (backup,) = job["retry_backups"]
    assert (backup["retry_attempt"], backup["previous_status"], backup["error_message"]) == (
        1,
        "failed",
        "the model refused",
    )
    assert job["retry_count"] == 1
    assert [row["message"] for row in job["history"]] == await rig.history(job_id)
    assert [file["url"] for file in job["payload"]["_flat_files"]] == ["generations/a.png"]
    assert len(job["outputs"]) == 1

    attestations = {one["step_id"]: one for one in job["attestations"]}
    assert (attestations[first.ticket.id]["kind"], attestations[failed.ticket.id]["kind"]) == ("completed", "failed")
    assert attestations[failed.ticket.id]["finished"]["error"] == "the model refused"
    tickets = {one["step_id"]: one for one in job["queue"]}
    running = tickets[claim.ticket.id]
    assert (running["state"], running["run"], running["attempt"], running["worker"]) == ("claimed", 1, 1, "worker-1")
    assert running["lease_until"] > 0
    assert (running["failures"], running["max_failures"], running["due_at"]) == (0, 3, None)
    assert [(one["worker_id"], one["alive"]) for one in job["workers"]] == [("worker-1", False)]
    for token in (first.token, failed.token, claim.token):
        assert token not in reply.text, "a token is the right to report"

    by_service = await rig.client.get(f"/api/jobs/{job_id}/forensics", headers=rig.service)
    assert by_service.status_code == 200
    assert (await rig.client.get(f"/api/jobs/{job_id}/forensics", headers=as_user(new_id()))).status_code == 404


async def test_a_step_that_waits_for_its_next_try(rig: Rig) -> None:
    job_id = await rig.start()
    await rig.run(RETRYABLE)
    reply = await rig.client.get(f"/api/jobs/{job_id}/forensics", headers=as_user(rig.user_id))
    (ticket,) = reply.json()["job"]["queue"]
    assert (ticket["state"], ticket["failures"], ticket["avoid"]) == ("delayed", 1, "worker-1")
    assert ticket["due_at"] > 0
    assert ticket["lease_until"] is None
