"""A job's life with an operator's service that judges it."""

from collections.abc import AsyncIterator, Callable

import pytest
from tests.apps import served
from tests.fakes.moderation import FakeModeration
from tests.orchestrator.conftest import rig, rig_settings
from tests.orchestrator.rig import Rig

from emprops.moderation.moderator import MODERATOR, Moderator, moderator_from


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[FakeModeration]:
    fake = FakeModeration()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture
def judge(service: FakeModeration) -> FakeModeration:
    fresh = FakeModeration(base=service.base)
    vars(service).update(vars(fresh))
    return service


Moderate = Callable[..., Moderator]
__all__ = ["rig", "rig_settings"]


@pytest.fixture
async def moderate(rig: Rig, judge: FakeModeration) -> AsyncIterator[Moderate]:
    """Have the rig's api moderated, with these settings besides."""
    made: list[Moderator] = []

    def attach(**changes: object) -> Moderator:
        settings = rig.settings.model_copy(update={"moderation_url": f"{judge.base}/judge", **changes})
        made.append(MODERATOR.attach(rig.app, moderator_from(settings)))
        return made[-1]

    yield attach
    for moderator in made:
        await moderator.close()
