"""What is sent, and how it is asked for."""

from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.fetch_api.calls import KEY, Pauses, failure, polling, run, wait
from tests.fakes.http_api import FakeApi, Reply
from tests.fakes.pictures import PNG

from emprops.connectors.base import FinalError
from emprops.connectors.fetch_api.connector import FetchApi


class TestRequests:
    async def test_the_request_is_as_defined(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        api.on("/files/a.png", Reply(body=PNG, mime_type="image/png"))
        url = api.on("/v1/make", Reply(body={"url": f"{api.base}/files/a.png"}))
        payload = wait(f"{url}?key={{{{VIDEO_API_KEY}}}}", headers={"Authorization": "Bearer {{VIDEO_API_KEY}}"})
        payload["body"] = {"prompt": "say {{VIDEO_API_KEY}}", "nested": [{"n": 1.5, "none": None}]}
        outcome = await run(connector, payload, tmp_path)
        (asked,) = api.asked_for("/v1/make")
        assert (asked.method, asked.query) == ("POST", f"key={KEY}")
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.headers["content-type"] == "application/json"
        assert asked.body == payload["body"], "what a user writes is no secret's name"
        (file,) = outcome.files
        assert (file.name, file.mime_type, content_of(file)) == ("result-1.png", "image/png", PNG)
        (fetched,) = api.asked_for("/files/a.png")
        assert "authorization" not in fetched.headers

    async def test_get_sends_the_body_as_query(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        payload = wait(api.on("/search?a=1", Reply(body="x")), method="GET") | {"output_mime_type": "text/plain"}
        api.on("/search", Reply(body={"url": "found"}))
        payload["body"] = {"q": "a & b", "n": 2, "off": False, "none": None}
        await run(connector, payload, tmp_path)
        assert api.asked[0].query == "a=1&q=a+%26+b&n=2&off=false"
        assert api.asked[0].body is None

    async def test_polling_until_it_is_done(
        self, connector: FetchApi, api: FakeApi, pauses: Pauses, tmp_path: Path
    ) -> None:
        urls = [api.on(f"/f/{n}", Reply(body=PNG, mime_type="image/png")) for n in range(2)]
        start = api.on("/start", Reply(body={"id": "../a b", "team": "t&u"}))
        running = Reply(body={"status": "RUNNING"})
        api.on("/tasks/..%2Fa%20b", running, running, Reply(body={"status": "DONE", "output": urls}))
        payload = polling(
            start, f"{api.base}/tasks/{{{{id}}}}", params={"id": ".id", "team": {"exprJq": ".team"}}, interval=7
        )
        payload["api"]["headers"] = {"X-Key": "{{VIDEO_API_KEY}}"}
        context = RecordingContext(tmp_path)
        outcome = await connector.run(make_ticket("fetch_api", payload), context)
        assert len(outcome.files) == 2
        polls = [asked for asked in api.asked if asked.path.startswith("/tasks/")]
        assert [(asked.method, asked.query, asked.body) for asked in polls] == [("GET", "team=t%26u", None)] * 3
        assert {asked.headers["x-key"] for asked in polls} == {KEY}
        assert pauses.seconds == [7, 7, 7]
        assert [percent for percent, _ in context.seen][-1] == 100

    async def test_without_a_condition_it_polls_until_there_is_something(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        done = Reply(body={"output": [api.on("/f", Reply(body=PNG, mime_type="image/png"))]})
        api.on("/tasks/1", Reply(body={}), Reply(body={"output": []}), done)
        payload = polling(api.on("/start", Reply(body={"id": 1})), f"{api.base}/tasks/{{{{id}}}}")
        payload["api"]["polling"] |= {"continueWhenExpr": "", "outputExprJq": ".output[]?"}
        assert len((await run(connector, payload, tmp_path)).files) == 1

    @pytest.mark.parametrize(
        ("codes", "status", "good"), [(201, 201, True), ([200, 202], 202, True), (200, 201, False)]
    )
    async def test_only_these_statuses_are_a_success(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, codes: Any, status: int, good: bool
    ) -> None:
        payload = wait(api.on("/x", Reply(status, {"url": "hello"})), successResponseCode=codes)
        payload["output_mime_type"] = "text/plain"
        if good:
            assert (await run(connector, payload, tmp_path)).data == {"text": "hello"}
        else:
            assert isinstance(await failure(connector, payload, tmp_path), FinalError)

    async def test_numbers_reach_paths_and_parameters_as_they_were(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        number = 1234567890123456789
        picture = api.on("/f", Reply(body=PNG, mime_type="image/png"))
        start = api.on("/start", Reply(body=f'{{"id": {number}, "long": {number}000000, "part": 1.0}}'.encode()))
        api.on(f"/tasks/{number}", Reply(body={"status": "DONE", "output": [picture]}))
        payload = polling(start, f"{api.base}/tasks/{{{{id}}}}", params={"id": ".id", "long": ".long", "part": ".part"})
        payload["body"] = {"seed": 2**64 - 1, "other": -(2**63)}
        assert (await run(connector, payload, tmp_path)).files
        (polled,) = api.asked_for(f"/tasks/{number}")
        assert polled.query == f"long={number}000000&part=1"
        (asked,) = api.asked_for("/start")
        assert asked.body == payload["body"]
