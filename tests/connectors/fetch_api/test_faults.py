"""What goes wrong, and what it means."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.connectors.contract import content_of
from tests.connectors.fetch_api.calls import KEY, Pauses, failure, polling, run, wait
from tests.fakes.http_api import FakeApi, Reply
from tests.fakes.pictures import PNG

from emprops.connectors.base import ConnectorError, FinalError, RetryableError
from emprops.connectors.fetch_api.connector import FetchApi
from emprops.connectors.fetch_api.secrets import Secrets
from emprops.settings import Settings


class TestFaults:
    @pytest.mark.parametrize(
        ("reply", "kind", "says"),
        [
            (Reply(429, {}, headers={"retry-after": "17"}), RetryableError, "answered 429"),
            (Reply(503, {}), RetryableError, "answered 503"),
            (Reply(500, {}), RetryableError, "answered 500"),
            (Reply(401, {}), FinalError, "refused the credentials"),
            (Reply(422, {"detail": "no such model"}), FinalError, "no such model"),
            (Reply(302, {}, headers={"location": "/elsewhere"}), FinalError, "answered 302"),
            (Reply(206, PNG, "image/png"), FinalError, "a part of the result (206)"),
            (Reply(206, {"url": "x"}), FinalError, "a part of the result (206)"),
            (Reply(204, b""), FinalError, "nothing where outputExprJq looks"),
            (Reply(200, b"", "image/png"), FinalError, "nothing where outputExprJq looks"),
            (Reply(200, b"<html>", "text/whatever"), FinalError, "a web page"),
            (Reply(200, b"{broken"), FinalError, "not JSON"),
            (Reply(200, {"url": "x"}, fault="cut"), RetryableError, "could not be reached"),
        ],
    )
    async def test_what_goes_wrong_has_its_type(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, reply: Reply, kind: type[ConnectorError], says: str
    ) -> None:
        output = "." if reply.mime_type == "text/whatever" else ".url"
        error = await failure(connector, wait(api.on("/x", reply), output), tmp_path)
        assert isinstance(error, kind)
        assert says in error.message
        assert error.retry_after == (17 if reply.status == 429 else None)
        assert not api.asked_for("/elsewhere"), "a redirect could take secrets along"

    async def test_an_api_that_does_not_answer(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        payload = wait(api.on("/x", Reply(fault="hang")), requestTimeout=1)
        error = await failure(connector, payload, tmp_path)
        assert isinstance(error, RetryableError)
        assert "within 1 seconds" in error.message

    async def test_cancelling_ends_a_request_that_hangs(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        task = asyncio.create_task(run(connector, wait(api.on("/x", Reply(fault="hang"))), tmp_path))
        await api.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_a_stop_expression_ends_it_for_good(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        api.on("/tasks/1", Reply(body={"status": "FAILED", "why": f"bad prompt {KEY}"}))
        payload = polling(api.on("/start", Reply(body={"id": 1})), f"{api.base}/tasks/{{{{id}}}}")
        error = await failure(connector, payload, tmp_path)
        assert isinstance(error, FinalError)
        assert "bad prompt {{VIDEO_API_KEY}}" in error.details["answer"]

    async def test_polls_may_fail_now_and_then(
        self, connector: FetchApi, api: FakeApi, pauses: Pauses, tmp_path: Path
    ) -> None:
        done = Reply(body={"status": "DONE", "output": [api.on("/f", Reply(body=PNG, mime_type="image/png"))]})
        busy = Reply(429, {}, headers={"retry-after": "40"})
        running = Reply(body={"status": "RUNNING"})
        api.on("/tasks/1", *[Reply(502)] * 3, busy, running, *[Reply(502)] * 4, done)
        payload = polling(api.on("/start", Reply(body={"id": 1})), f"{api.base}/tasks/{{{{id}}}}")
        assert len((await run(connector, payload, tmp_path)).files) == 1
        assert pauses.seconds.count(40) == 1
        api.on("/tasks/1", Reply(502))
        assert isinstance(await failure(connector, payload, tmp_path), RetryableError)
        assert len(api.asked_for("/start")) == 2

    async def test_a_poll_that_is_answered_with_the_file_is_the_result(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        api.on("/tasks/1", Reply(body={"status": "RUNNING"}), Reply(body=PNG, mime_type="image/png"))
        payload = polling(api.on("/start", Reply(body={"id": 1})), f"{api.base}/tasks/{{{{id}}}}")
        outcome = await run(connector, payload, tmp_path)
        assert [content_of(file) for file in outcome.files] == [PNG]

    @pytest.mark.parametrize("status", [404, 410])
    async def test_work_that_the_api_forgot_may_be_begun_again(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, status: int
    ) -> None:
        done = Reply(body={"status": "DONE", "output": [api.on("/f", Reply(body=PNG, mime_type="image/png"))]})
        api.on("/tasks/1", Reply(status), done)
        payload = polling(api.on("/start", Reply(body={"id": 1})), f"{api.base}/tasks/{{{{id}}}}")
        assert (await run(connector, payload, tmp_path)).files, "it may not know it yet"
        api.on("/tasks/1", Reply(status))
        error = await failure(connector, payload, tmp_path)
        assert isinstance(error, RetryableError)
        assert "does not know the work" in error.message

    async def test_a_web_page_is_a_result_where_one_is_wanted(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        page = api.on("/page", Reply(body=b"<!DOCTYPE html><p>A fox", mime_type="text/html"))
        wanted = wait(page, ".") | {"output_mime_type": "text/html"}
        assert (await run(connector, wanted, tmp_path)).data == {"text": "<!DOCTYPE html><p>A fox"}
        for kind in ("text/plain", "", "image/png"):
            error = await failure(connector, wait(page, ".") | {"output_mime_type": kind}, tmp_path)
            assert isinstance(error, FinalError)
            assert "with a web page" in error.message

    async def test_waiting_ends_at_its_limit(self, api: FakeApi, tmp_path: Path) -> None:
        place = urlsplit(api.base).netloc
        running = api.on("/tasks/1", Reply(body={"status": "RUNNING"}))
        connector = FetchApi(Settings(outbound_allow=place), secrets=Secrets({}), pause=lambda _: asyncio.sleep(0.2))
        payload = polling(api.on("/start", Reply(body={})), running, params={}, timeout=1)
        error = await failure(connector, payload, tmp_path)
        await connector.close()
        assert isinstance(error, FinalError)
        assert "no result within 1 seconds" in error.message

    async def test_a_first_answer_without_the_value_to_poll_with(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        payload = polling(api.on("/start", Reply(body={})), f"{api.base}/tasks/{{{{id}}}}")
        assert "params.id" in (await failure(connector, payload, tmp_path)).message

    async def test_private_addresses_are_not_called(self, api: FakeApi, tmp_path: Path) -> None:
        connector = FetchApi(Settings(), secrets=Secrets({}))
        for url in (api.base, "http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest"):
            assert isinstance(await failure(connector, wait(url), tmp_path), FinalError)
        await connector.close()
        assert api.asked == []
