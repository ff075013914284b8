"""Work that an API begins and finishes later: how it is asked for, fetched, and remembered."""

from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.fetch_api.calls import Pauses, failure, polling, run
from tests.fakes.http_api import FakeApi, Reply
from tests.fakes.pictures import PNG

from emprops.connectors.base import FinalError, RetryableError
from emprops.connectors.fetch_api.connector import FetchApi

RUNNING = Reply(body={"status": "RUNNING"})


def begun(api: FakeApi, answer: Any = None, **more: Any) -> dict[str, Any]:
    """A payload whose work is asked for at ``/tasks/{id}``; ``None`` takes a member out."""
    start = api.on("/start", Reply(body={"id": 7} if answer is None else answer))
    payload = polling(start, f"{api.base}/tasks/{{{{id}}}}", **more)
    how = payload["api"]["polling"]
    payload["api"]["polling"] = {name: value for name, value in how.items() if value is not None}
    return payload


def done(api: FakeApi) -> Reply:
    return Reply(body={"status": "DONE", "output": [api.on("/f", Reply(body=PNG, mime_type="image/png"))]})


class TestPending:
    async def test_statuses_that_mean_not_yet(
        self, connector: FetchApi, api: FakeApi, pauses: Pauses, tmp_path: Path
    ) -> None:
        busy = Reply(202, {"status": "odd"}, headers={"retry-after": "20"})
        api.on("/tasks/7", busy, *[Reply(404)] * 9, Reply(400, {"detail": "in progress"}), Reply(503), done(api))
        payload = begun(api, pendingResponseCode=[202, 400, 404, 503], interval=5)
        assert (await run(connector, payload, tmp_path)).files
        assert pauses.seconds == [5, 20, *[5] * 11]

    async def test_a_condition_still_counts(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        api.on("/tasks/7", Reply(202), RUNNING, done(api))
        assert (await run(connector, begun(api, pendingResponseCode=202), tmp_path)).files
        api.on("/tasks/7", Reply(202), Reply(body={"status": "FAILED"}))
        error = await failure(connector, begun(api, pendingResponseCode=202), tmp_path)
        assert "says that the work failed" in error.message

    async def test_other_statuses_mean_what_they_do(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        api.on("/tasks/7", Reply(202), Reply(422, {"detail": "no such model"}))
        error = await failure(connector, begun(api, pendingResponseCode=[202, 400]), tmp_path)
        assert isinstance(error, FinalError)
        assert "no such model" in error.message


class TestResult:
    @pytest.fixture
    def payload(self, api: FakeApi) -> dict[str, Any]:
        payload = begun(
            api,
            outputExprJq=".files[].url",
            result={"url": f"{api.base}/results/{{{{id}}}}/{{{{file}}}}", "params": {"file": {"exprJq": ".file_id"}}},
        )
        payload["api"]["headers"] = {"Authorization": "Bearer {{VIDEO_API_KEY}}"}
        api.on("/tasks/7", RUNNING, Reply(body={"status": "DONE", "file_id": 1234567890123456789}))
        return payload

    async def test_it_is_fetched_with_the_key_from_its_own_address(
        self, connector: FetchApi, api: FakeApi, pauses: Pauses, tmp_path: Path, payload: dict[str, Any]
    ) -> None:
        url = api.on("/f", Reply(body=PNG, mime_type="image/png"))
        api.on("/results/7/1234567890123456789", Reply(502), Reply(body={"files": [{"url": url}]}))
        outcome = await run(connector, payload, tmp_path)
        assert [content_of(file) for file in outcome.files] == [PNG]
        for asked in api.asked_for("/results/7/1234567890123456789"):
            assert (asked.method, asked.headers["authorization"][:7]) == ("GET", "Bearer ")
        assert pauses.seconds == [3, 3, 3], "no pause before it, but one after a miss"

    async def test_it_may_be_the_file_and_not_there_yet(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, payload: dict[str, Any]
    ) -> None:
        payload["api"]["polling"]["result"] |= {"pendingResponseCode": 409, "headers": {}, "method": "POST"}
        api.on("/results/7/1234567890123456789", *[Reply(409)] * 9, Reply(body=PNG, mime_type="image/png"))
        outcome = await run(connector, payload, tmp_path)
        assert [content_of(file) for file in outcome.files] == [PNG]
        asked = api.asked_for("/results/7/1234567890123456789")
        assert ("authorization" in asked[0].headers, {one.method for one in asked}) == (False, {"POST"})

    async def test_a_status_without_its_address(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, payload: dict[str, Any]
    ) -> None:
        api.on("/tasks/7", Reply(body={"status": "DONE"}))
        error = await failure(connector, payload, tmp_path)
        assert isinstance(error, FinalError)
        assert "has no value for api.polling.result.params.file" in error.message

    async def test_pending_statuses_alone_say_when_it_is_there(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, payload: dict[str, Any]
    ) -> None:
        how = payload["api"]["polling"]
        payload["api"]["polling"] = {**how, "pendingResponseCode": 202, "continueWhenExpr": ""}
        api.on("/tasks/7", Reply(202), Reply(body={"file_id": "a/b"}))
        api.on("/results/7/a%2Fb", Reply(body=PNG, mime_type="image/png"))
        assert (await run(connector, payload, tmp_path)).files


class TestMemory:
    async def test_what_was_begun_is_remembered_before_it_is_polled(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        context = RecordingContext(tmp_path)
        seen: list[Any] = []

        async def remember(work: Any) -> None:
            seen.append((work, [asked.path for asked in api.asked]))
            await RecordingContext.remember(context, work)

        context.remember = remember  # type: ignore[method-assign]
        api.on("/tasks/7", done(api))
        await connector.run(make_ticket("fetch_api", begun(api)), context)
        assert seen == [({"params": {"id": "7"}}, ["/start"])]

    async def test_the_next_attempt_polls_at_once_and_begins_nothing(
        self, connector: FetchApi, api: FakeApi, pauses: Pauses, tmp_path: Path
    ) -> None:
        context = RecordingContext(tmp_path)
        api.on("/tasks/7", Reply(502))
        ticket = make_ticket("fetch_api", begun(api))
        with pytest.raises(RetryableError):
            await connector.run(ticket, context)
        pauses.seconds.clear()
        api.on("/tasks/7", RUNNING, done(api))
        outcome = await connector.run(ticket, RecordingContext(tmp_path, remembered=context.remembered))
        assert outcome.files
        assert len(api.asked_for("/start")) == 1
        assert pauses.seconds == [3]

    async def test_a_result_that_could_not_be_fetched_is_fetched_by_the_next_attempt(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        context = RecordingContext(tmp_path)
        api.on("/tasks/7", done(api))
        api.on("/f", Reply(503))
        ticket = make_ticket("fetch_api", begun(api))
        with pytest.raises(RetryableError):
            await connector.run(ticket, context)
        api.on("/f", Reply(body=PNG, mime_type="image/png"))
        assert (await connector.run(ticket, context)).files
        assert len(api.asked_for("/start")) == 1

    @pytest.mark.parametrize("status", [404, 410])
    async def test_what_the_api_forgot_is_forgotten_and_begun_again(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, status: int
    ) -> None:
        context = RecordingContext(tmp_path)
        api.on("/tasks/7", Reply(status))
        ticket = make_ticket("fetch_api", begun(api))
        with pytest.raises(RetryableError, match="does not know the work"):
            await connector.run(ticket, context)
        assert context.remembered is None
        api.on("/tasks/7", done(api))
        assert (await connector.run(ticket, context)).files
        assert len(api.asked_for("/start")) == 2

    @pytest.mark.parametrize(
        "odd",
        [
            {},
            {"id": "7"},
            {"params": {}},
            {"params": ["7"]},
            {"params": {"id": 7}},
            {"params": {"id": "7", "url": "https://evil.example"}},
        ],
    )
    async def test_what_another_connector_remembered_is_not_taken(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, odd: dict[str, Any]
    ) -> None:
        api.on("/tasks/7", done(api))
        context = RecordingContext(tmp_path, remembered=odd)
        assert (await connector.run(make_ticket("fetch_api", begun(api)), context)).files
        assert len(api.asked_for("/start")) == 1

    async def test_an_id_cannot_lead_elsewhere(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        api.on("/tasks/..%2F..%2Fadmin%3Fx%3D%7B%7BVIDEO_API_KEY%7D%7D", done(api))
        context = RecordingContext(tmp_path, remembered={"params": {"id": "../../admin?x={{VIDEO_API_KEY}}"}})
        assert (await connector.run(make_ticket("fetch_api", begun(api)), context)).files
