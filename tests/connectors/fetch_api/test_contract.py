"""What every connector must keep, against a real HTTP server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from tests.connectors.contract import Bad, ConnectorContract, Sample, make_ticket
from tests.connectors.faults import FaultContract, Step
from tests.connectors.fetch_api.calls import KEY, Pauses, polling, wait
from tests.fakes.http_api import FakeApi, Reply
from tests.fakes.pictures import PNG

from emprops.connectors.base import BadInputError
from emprops.connectors.fetch_api.connector import FetchApi
from emprops.connectors.fetch_api.secrets import Secret, Secrets
from emprops.connectors.registry import load_connectors
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.outbound.guard import Allowed
from emprops.settings import Settings


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, shared: tuple[FetchApi, Pauses]) -> FetchApi:
        return shared[0]

    @pytest.fixture
    def samples(self, api: FakeApi) -> list[Sample]:
        picture_url = api.on("/files/a.png", Reply(body=PNG, mime_type="image/png"))
        at_once = api.on("/now", Reply(body={"url": picture_url}))
        started = api.on("/start", Reply(201, {"id": 7}))
        api.on("/tasks/7", Reply(body={"status": "RUNNING"}), Reply(body={"status": "DONE", "output": [picture_url]}))
        text = wait(api.on("/chat", Reply(body={"answer": "hello"})), ".answer") | {"output_mime_type": "text/plain"}
        return [
            Sample("fetch_api", wait(at_once)),
            Sample("fetch_api", polling(started, f"{api.base}/tasks/{{{{id}}}}")),
            Sample("fetch_api", text),
        ]

    @pytest.fixture
    def bad(self, api: FakeApi) -> list[Bad]:
        good = wait(api.base)
        return [
            Bad("fetch_api", {}, "api must be an object"),
            Bad("fetch_api", {"api": good["api"] | {"url": "ftp://x"}}, "api.url"),
            Bad("fetch_api", {"api": good["api"] | {"fetchType": "polling"}}, "api.polling"),
            Bad("fetch_api", {"api": good["api"] | {"requestTimeout": 0}}, "api.requestTimeout"),
        ]

    @pytest.fixture
    def slow(self, api: FakeApi) -> Sample:
        started = api.on("/long", Reply(body={"id": 8}))
        picture_url = api.on("/files/b.png", Reply(body=PNG, mime_type="image/png"))
        running = [Reply(body={"status": "RUNNING"})] * 10
        api.on("/tasks/8", *running, Reply(body={"status": "DONE", "output": [picture_url]}))
        return Sample("fetch_api", polling(started, f"{api.base}/tasks/{{{{id}}}}"))


class TestEveryFault(FaultContract):
    @pytest.fixture
    async def connector(  # type: ignore[override]
        self, api: FakeApi, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[FetchApi]:
        monkeypatch.setattr("emprops.connectors.fetch_api.polling.MAX_MISSES", 2)
        fault = request.node.name
        place = urlsplit(api.base).netloc
        limit = 1024 * 1024 if "[gigantic]" in fault else 1024**3
        settings = Settings(outbound_allow=place, max_result_bytes=limit)
        made = FetchApi(
            settings,
            client=GuardedClient(settings, idle=0.3 if "[slow]" in fault else 30.0),
            secrets=Secrets({"VIDEO_API_KEY": Secret(KEY, frozenset({place}))}, Allowed.parse(place)),
            pause=Pauses(),
            max_answer_bytes=2 * 1024 * 1024,
        )
        yield made
        await made.close()

    @pytest.fixture
    def service(self, api: FakeApi) -> FakeApi:
        return api

    @pytest.fixture
    def key(self) -> str:
        return KEY

    @pytest.fixture
    def steps(self, api: FakeApi, request: pytest.FixtureRequest) -> list[Step]:
        patience = 1 if "[slow]" in request.node.name else 30
        picture_url = api.on("/files/a.png?signature=s3cr3t", Reply(body=PNG, mime_type="image/png"))
        api.on("/files/a.png", Reply(body=PNG, mime_type="image/png"))
        headers = {"Authorization": "Bearer {{VIDEO_API_KEY}}"}
        at_once = wait(api.on("/now", Reply(body={"url": picture_url})), requestTimeout=patience, headers=headers)
        picture = wait(api.on("/picture", Reply(body=PNG, mime_type="image/png")), ".", requestTimeout=patience)
        started = api.on("/start", Reply(201, {"id": 7}))
        api.on("/tasks/7", Reply(body={"status": "DONE", "output": [picture_url]}))
        later = polling(started, f"{api.base}/tasks/{{{{id}}}}")
        later["api"]["requestTimeout"] = patience
        return [
            Step(Sample("fetch_api", at_once), "/now"),
            Step(Sample("fetch_api", later), "/start"),
            Step(Sample("fetch_api", later), "/tasks/"),
            Step(Sample("fetch_api", at_once), "/files/"),
            Step(Sample("fetch_api", picture), "/picture"),
        ]

    @pytest.fixture
    def large(self, steps: list[Step]) -> Step:
        return steps[-1]


def test_it_is_installed() -> None:
    assert [type(made) for made in load_connectors(Settings(), ["fetch_api"])] == [FetchApi]


def test_bad_input_says_every_fault() -> None:
    with pytest.raises(BadInputError, match=r"api\.url .*api\.fetchType"):
        asyncio.run(FetchApi(Settings(), secrets=Secrets({})).run(make_ticket("fetch_api", {"api": {}}), None))  # type: ignore[arg-type]
