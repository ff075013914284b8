"""What moderation blocks is told in OpenAI's words."""

import openai
import pytest
from tests.fakes.moderation import FakeModeration
from tests.moderation.conftest import Moderate, judge, moderate, service
from tests.openai_api.door import Door

__all__ = ["judge", "moderate", "service"]

pytestmark = pytest.mark.timeout(60)

BLOCK = {"verdict": "block", "reason": "No harbours, please."}


async def test_what_is_blocked_at_the_start_is_refused(door: Door, moderate: Moderate, judge: FakeModeration) -> None:
    moderate()
    judge.start = BLOCK
    model = await door.make_model()
    with pytest.raises(openai.BadRequestError) as blocked:
        await door.client.images.generate(model=model, prompt="a harbour", extra_body={"seed": 7})
    assert (blocked.value.code, blocked.value.type) == ("moderation_blocked", "image_generation_user_error")
    assert blocked.value.body["message"] == "No harbours, please."  # type: ignore[index]
    assert judge.asked[0]["variables"] == {"words": "a harbour", "seed": 7}
    assert not await door.rig.rows("SELECT FROM job")


async def test_several_generations_that_were_checked_may_start(
    door: Door, moderate: Moderate, judge: FakeModeration
) -> None:
    moderate(moderation_stages="start")
    model = await door.make_model()

    async def run() -> None:
        first = await door.begun()
        await door.finish(first, name="p1")
        await door.finish(await door.claim(), name="p2")

    answer = await door.made(door.client.images.generate(model=model, prompt="a harbour", n=2), run)
    assert answer.data is not None
    assert len(answer.data) == 2
    assert len(judge.asked) == 1
