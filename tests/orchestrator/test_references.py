"""References filled with what a step really made, and what happens where that does not fit."""

from typing import Any

import pytest
from tests.orchestrator.rig import Rig, picture

from emprops.queue.messages import Finished, StoredFile

TEXT = StoredFile(key="generations/a.txt", mime_type="text/plain", size=3, sha256="0" * 64)
FILM = StoredFile(key="generations/a.mp4", mime_type="video/mp4", size=3, sha256="0" * 64)


async def second_input(rig: Rig, job_id: Any) -> dict[str, Any]:
    (_, second) = await rig.steps(job_id)
    return dict(second["input_data"])


async def test_a_picture_field_takes_the_picture_of_a_step_that_wrote_a_text_too(rig: Rig) -> None:
    job_id = await rig.start(steps=2)
    (shown,) = picture().files
    await rig.run(Finished(files=(TEXT, FILM, shown), data={"text": "a quiet harbour"}))
    assert (await second_input(rig, job_id))["image"].endswith("/generations/a.png")


@pytest.mark.parametrize("made", [Finished(files=(TEXT,), data={"text": "I cannot draw"}), Finished(files=(FILM,))])
async def test_a_step_that_made_no_picture_ends_the_job_before_the_next_one_costs(rig: Rig, made: Finished) -> None:
    job_id = await rig.start(steps=2)
    await rig.run(made)
    job = await rig.job(job_id)
    assert (job["status"], job["error_message"]) == ("failed", "step 2 was not started: step 1 made no image.")
    assert (await rig.worker.claim()) == []
    assert (await rig.steps(job_id))[1]["input_data"] is None
