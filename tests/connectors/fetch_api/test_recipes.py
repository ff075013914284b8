"""The recipes of ``docs/how-to/connect-an-http-api.md``, each against a server that speaks the API's protocol."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.apps import served
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.fetch_api.calls import Pauses
from tests.fakes.media_apis import KEY, LONG_ID, MediaApis
from tests.fakes.pictures import MP4, PNG

from emprops.connectors.base import FinalError, RetryableError
from emprops.connectors.fetch_api.connector import FetchApi
from emprops.connectors.fetch_api.definition import secret_names
from emprops.connectors.fetch_api.secrets import Secret, Secrets
from emprops.kit.outbound.guard import Allowed
from emprops.settings import Settings
from emprops.workflows import service
from emprops.workflows.kinds.base import Occasion, PlannedWork
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.store import Workflow

PAGE = Path(__file__).parents[3] / "docs/how-to/connect-an-http-api.md"
HOSTS = {
    "api.example.com": "plain",
    "images.example.com": "images",
    "videos.example.com": "videos",
    "api.replicate.com": "replicate",
    "queue.fal.run": "fal",
}
SENT = {
    "plain": {"text": "a fox", "width": 1024, "height": 1024},
    "images": {"prompt": "a fox", "size": "1024x1024", "model": "some-model", "n": 1},
    "videos": {"prompt": "a fox", "model": "some-model", "seconds": "4"},
    "replicate": {"input": {"prompt": "a fox", "output_format": "png"}},
    "fal": {"prompt": "a fox", "image_size": "square_hd"},
}
LATER = ("videos", "replicate", "fal")


def recipes() -> dict[str, dict[str, Any]]:
    """The page's definitions, by what they are for."""
    found = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL))
    return {HOSTS[urlsplit(one["api"]["url"]).hostname or ""]: one for one in found}


RECIPES = recipes()


@pytest.fixture(scope="module")
async def served_apis() -> AsyncIterator[MediaApis]:
    fake = MediaApis()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture
def apis(served_apis: MediaApis) -> MediaApis:
    served_apis.reset()
    return served_apis


@pytest.fixture
async def connector(apis: MediaApis) -> AsyncIterator[FetchApi]:
    place = urlsplit(apis.base).netloc
    names = set().union(*(secret_names(recipe["api"]) for recipe in RECIPES.values()))
    secrets = Secrets({name: Secret(KEY, frozenset({place})) for name in names}, Allowed.parse(place))
    made = FetchApi(Settings(outbound_allow=place), secrets=secrets, pause=Pauses())
    yield made
    await made.close()


def planned(name: str, apis: MediaApis) -> dict[str, Any]:
    """The payload of a step of the recipe's workflow, as the api plans it; its host is the fake one."""
    text = json.dumps(RECIPES[name])
    for host, path in HOSTS.items():
        text = text.replace(f"https://{host}", f"{apis.base}/{path}")
    mime_type = "video/mp4" if name == "videos" else "image/png"
    workflow = Workflow(UUID(int=0), name, name, "fetch_api", json.loads(text), mime_type)
    occasion = Occasion(lambda _purpose, _count: 0, datetime.now(UTC))
    work = KINDS["fetch_api"].plan(workflow, {"prompt": "a fox"}, occasion)
    assert isinstance(work, PlannedWork)
    return work.payload


def test_the_page_has_a_recipe_for_each_of_them() -> None:
    assert RECIPES.keys() == SENT.keys()


@pytest.mark.parametrize("name", SENT)
async def test_a_recipe_works(connector: FetchApi, apis: MediaApis, tmp_path: Path, name: str) -> None:
    assert service.check("fetch_api", RECIPES[name]) == []
    outcome = await connector.run(make_ticket("fetch_api", planned(name, apis)), RecordingContext(tmp_path))
    assert [content_of(file) for file in outcome.files] == [MP4 if name == "videos" else PNG]
    assert apis.submitted == [SENT[name]]
    assert apis.asked == ({str(LONG_ID + 1): 3} if name in LATER else {})


@pytest.mark.parametrize("name", LATER)
async def test_the_next_attempt_goes_on_with_what_was_begun(
    connector: FetchApi, apis: MediaApis, tmp_path: Path, name: str
) -> None:
    ticket, apis.away = make_ticket("fetch_api", planned(name, apis)), True
    context = RecordingContext(tmp_path)
    with pytest.raises(RetryableError):
        await connector.run(ticket, context)
    apis.away = False
    outcome = await connector.run(ticket, RecordingContext(tmp_path, remembered=context.remembered))
    assert len(outcome.files) == 1
    assert len(apis.submitted) == 1


@pytest.mark.parametrize("name", LATER)
async def test_work_that_failed_there_fails_here(
    connector: FetchApi, apis: MediaApis, tmp_path: Path, name: str
) -> None:
    apis.fails = True
    with pytest.raises(FinalError, match="says that the work failed") as caught:
        await connector.run(make_ticket("fetch_api", planned(name, apis)), RecordingContext(tmp_path))
    assert "refused" in caught.value.details["answer"]
