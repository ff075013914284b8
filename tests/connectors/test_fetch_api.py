"""The fetch_api connector against a real HTTP server on loopback."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.apps import served
from tests.connectors.contract import Bad, ConnectorContract, RecordingContext, Sample, content_of, make_ticket
from tests.connectors.faults import FaultContract, Step
from tests.fakes.http_api import FakeApi, Reply
from typer.testing import CliRunner

from emprops.cli.main import app
from emprops.connectors.base import BadInputError, ConnectorError, FinalError, Outcome, RetryableError
from emprops.connectors.fetch_api.connector import FetchApi
from emprops.connectors.fetch_api.definition import DefinitionError, read, secret_names
from emprops.connectors.fetch_api.expressions import ExpressionError, Jq
from emprops.connectors.fetch_api.secrets import Secret, Secrets
from emprops.connectors.registry import load_connectors
from emprops.kit.http import GuardedClient
from emprops.kit.outbound import Allowed
from emprops.kit.retry_after import retry_after
from emprops.settings import Settings, SettingsError

KEY = "sk-live-0123456789"


def picture(colour: str = "red", form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, form)
    return buffer.getvalue()


PNG, JPEG = picture(), picture("blue", "JPEG")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture
def api(server: FakeApi) -> Iterator[FakeApi]:
    server.reset()
    yield server
    server.released.set()


class Pauses:
    """Takes the place of waiting: notes how long each wait would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
async def shared(server: FakeApi) -> AsyncIterator[tuple[FetchApi, Pauses]]:
    place = urlsplit(server.base).netloc
    secrets = Secrets(
        {"VIDEO_API_KEY": Secret(KEY, frozenset({place})), "OTHER_KEY": Secret("other-0123456", frozenset({"x.com"}))},
        Allowed.parse(place),
    )
    pauses = Pauses()
    connector = FetchApi(Settings(outbound_allow=place), secrets=secrets, pause=pauses)
    yield connector, pauses
    await connector.close()


@pytest.fixture
def connector(shared: tuple[FetchApi, Pauses]) -> FetchApi:
    return shared[0]


@pytest.fixture
def pauses(shared: tuple[FetchApi, Pauses]) -> Pauses:
    shared[1].seconds.clear()
    return shared[1]


def wait(url: str, output: str = ".url", **api: Any) -> dict[str, Any]:
    definition = {"url": url, "method": "POST", "fetchType": "wait", "wait": {"outputExprJq": output}}
    return {"api": definition | api, "body": {"prompt": "a fox"}, "output_mime_type": "image/png"}


def polling(url: str, poll_url: str, **more: Any) -> dict[str, Any]:
    how = {
        "url": poll_url,
        "params": {"id": {"exprJq": ".id"}},
        "continueWhenExpr": '.status == "RUNNING"',
        "stopWhenExpr": '.status == "FAILED"',
        "outputExprJq": ".output[]",
    }
    definition = {"url": url, "fetchType": "polling", "polling": how | more}
    return {"api": definition, "body": {"prompt": "a fox"}, "output_mime_type": "image/png"}


async def run(connector: FetchApi, payload: dict[str, Any], folder: Path) -> Outcome:
    return await connector.run(make_ticket("fetch_api", payload), RecordingContext(folder))


async def failure(connector: FetchApi, payload: dict[str, Any], folder: Path) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await run(connector, payload, folder)
    assert KEY not in f"{caught.value!r} {caught.value.details}"
    return caught.value


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
        monkeypatch.setattr("emprops.connectors.fetch_api.connector.MAX_MISSES", 2)
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


class TestResults:
    @pytest.mark.parametrize(
        ("answer", "output", "wanted", "data"),
        [
            ({"url": "https://no.such/host"}, ".url", "text/plain", {"text": "https://no.such/host"}),
            ({"a": ["x", "y"]}, ".a[]", "text/plain", {"text": "x\ny"}),
            ({"a": 5}, ".a", "application/json", {"result": 5}),
            ({"a": {"b": [1]}}, ".", "application/json", {"result": {"a": {"b": [1]}}}),
            ({"a": [{"b": 1}, {"b": 2}]}, ".a", "application/json", {"result": [{"b": 1}, {"b": 2}]}),
            ({"a": [1, 2]}, ".a[]", "", {"result": [1, 2]}),
        ],
    )
    async def test_text_and_data(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, answer: Any, output: str, wanted: str, data: Any
    ) -> None:
        payload = wait(api.on("/x", Reply(body=answer)), output) | {"output_mime_type": wanted}
        outcome = await run(connector, payload, tmp_path)
        assert (list(outcome.files), outcome.data) == ([], data)

    @pytest.mark.parametrize(
        "encoded",
        [
            "data:image/png;base64," + base64.b64encode(PNG).decode(),
            "data:;base64," + base64.b64encode(PNG).decode(),
            base64.b64encode(PNG).decode(),
            base64.encodebytes(PNG).decode(),
        ],
    )
    async def test_encoded_files(self, connector: FetchApi, api: FakeApi, tmp_path: Path, encoded: str) -> None:
        outcome = await run(connector, wait(api.on("/x", Reply(body={"url": encoded}))), tmp_path)
        assert [(file.mime_type, content_of(file)) for file in outcome.files] == [("image/png", PNG)]

    async def test_an_answer_that_is_the_file(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        for mime_type in ("image/jpeg", "application/octet-stream"):
            outcome = await run(connector, wait(api.on("/x", Reply(body=JPEG, mime_type=mime_type))), tmp_path)
            assert [(file.mime_type, content_of(file)) for file in outcome.files] == [("image/jpeg", JPEG)]

    async def test_a_file_without_a_proper_type_is_looked_at(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        file_url = api.on("/signed", Reply(body=JPEG, mime_type="binary/octet-stream"))
        outcome = await run(connector, wait(api.on("/x", Reply(body={"url": file_url}))), tmp_path)
        assert [(file.name, file.mime_type) for file in outcome.files] == [("result-1.jpg", "image/jpeg")]

    async def test_several_files_and_a_remark(self, connector: FetchApi, api: FakeApi, tmp_path: Path) -> None:
        urls = [api.on(f"/f{n}", Reply(body=PNG, mime_type="image/png")) for n in range(3)]
        payload = wait(api.on("/x", Reply(body={"url": [*urls, None, "safety: ok"]})))
        outcome = await run(connector, payload, tmp_path)
        assert [file.name for file in outcome.files] == ["result-1.png", "result-2.png", "result-3.png"]
        assert outcome.data == {"text": "safety: ok"}

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            ({}, "nothing where outputExprJq looks"),
            ({"url": []}, "nothing where outputExprJq looks"),
            ({"url": "I cannot draw that"}, "no image but the text 'I cannot draw that'"),
            ({"url": {"a": 1}}, "no image but an object"),
            ({"url": "data:image/png;base64,%%%"}, "not valid base64"),
            ({"url": "data:image/png;base64,"}, "empty file"),
            ({"url": ["http://127.0.0.1:1/x"] * 51}, "at most 50"),
            ({"url": "http://127.0.0.1:1/x?signature=s3cr3t"}, "Port 1 is not allowed"),
            ({"url": "{api}/page?signature=s3cr3t"}, "is no image but text/html"),
            ({"url": "{api}/empty"}, "is empty"),
            ({"url": "{api}/gone"}, "answered 404"),
        ],
    )
    async def test_no_result_is_no_success(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, answer: Any, says: str
    ) -> None:
        api.on("/page", Reply(body=b"<html>", mime_type="text/html"))
        api.on("/empty", Reply(body=b"", mime_type="image/png"))
        if isinstance(answer.get("url"), str):
            answer = {"url": answer["url"].replace("{api}", api.base)}
        error = await failure(connector, wait(api.on("/x", Reply(body=answer))), tmp_path)
        assert isinstance(error, FinalError)
        assert says in error.message
        assert "s3cr3t" not in error.message

    async def test_a_file_that_cannot_be_had_now_may_be_had_later(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        url = api.on("/f", Reply(503))
        error = await failure(connector, wait(api.on("/x", Reply(body={"url": url}))), tmp_path)
        assert isinstance(error, RetryableError)


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


class TestSecrets:
    async def test_an_api_that_says_them_back_is_not_repeated(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path
    ) -> None:
        echo = {"url": {"text": f"you sent {KEY}", KEY: [KEY]}}
        payload = wait(api.on("/x", Reply(body=echo))) | {"output_mime_type": "application/json"}
        outcome = await run(connector, payload, tmp_path)
        assert outcome.data == {
            "result": {"text": "you sent {{VIDEO_API_KEY}}", "{{VIDEO_API_KEY}}": ["{{VIDEO_API_KEY}}"]}
        }
        api.on("/x", Reply(400, {"error": f"key {KEY} is wrong"}))
        assert "key {{VIDEO_API_KEY}} is wrong" in (await failure(connector, payload, tmp_path)).message
        payload["api"]["wait"]["outputExprJq"] = "error(.url.text)"
        api.on("/x", Reply(body=echo))
        assert "{{VIDEO_API_KEY}}" in (await failure(connector, payload, tmp_path)).message

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("NO_SUCH_KEY", "set EMPROPS_SECRET_NO_SUCH_KEY and EMPROPS_SECRET_NO_SUCH_KEY_HOSTS"),
            ("OTHER_KEY", "must not be sent to 127.0.0.1"),
        ],
    )
    async def test_one_that_is_missing_or_for_another_host(
        self, connector: FetchApi, api: FakeApi, tmp_path: Path, name: str, says: str
    ) -> None:
        payload = wait(api.on("/x", Reply(body={})), headers={"X-Key": f"{{{{{name}}}}}"})
        error = await failure(connector, payload, tmp_path)
        assert isinstance(error, FinalError)
        assert says in error.message
        assert api.asked == []

    def test_they_go_over_tls_unless_the_operator_opened_the_host(self) -> None:
        by_name = {"A_KEY": Secret(KEY, frozenset({"api.example.com"}))}
        assert Secrets(by_name).fill("{{A_KEY}}", "https://api.example.com/x") == KEY
        with pytest.raises(FinalError, match="without TLS"):
            Secrets(by_name).fill("{{A_KEY}}", "http://api.example.com/x")
        opened = Secrets(by_name, Allowed.parse("api.example.com"))
        assert opened.fill("{{ A_KEY }}", "http://API.example.com/x") == KEY

    @pytest.mark.parametrize(
        "url",
        [
            "https://api.example.com.evil.net/",
            "https://evil.net/api.example.com",
            "https://evil.net?api.example.com",
            "https://xapi.example.com/",
            "https://api.example.com:8443/",
        ],
    )
    def test_hosts_are_matched_whole(self, url: str) -> None:
        secrets = Secrets({"A_KEY": Secret(KEY, frozenset({"api.example.com:443"}))})
        with pytest.raises(FinalError, match="must not be sent"):
            secrets.fill("{{A_KEY}}", url)

    def test_they_are_read_from_the_environment(self) -> None:
        found = Secrets.from_environment(
            {
                "EMPROPS_SECRET_A_KEY": f" {KEY}\n",
                "EMPROPS_SECRET_A_KEY_HOSTS": "api.example.com, API.example.org:8443",
                "EMPROPS_SECRET_EMPTY": "",
                "EMPROPS_MODE": "local",
            },
            Allowed(),
        ).by_name
        assert found == {"A_KEY": Secret(KEY, frozenset({"api.example.com", "api.example.org:8443"}))}
        assert KEY not in repr(found)

    @pytest.mark.parametrize("value", ["two\nlines of it", "short", "ünicode-key"])
    def test_what_no_header_can_hold_is_refused_unseen(self, value: str) -> None:
        with pytest.raises(SettingsError, match="EMPROPS_SECRET_A must be one line") as caught:
            Secrets.from_environment({"EMPROPS_SECRET_A": value}, Allowed())
        assert value not in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("EMPROPS_SECRET_A", "short", "EMPROPS_SECRET_A must be one line"),
            ("EMPROPS_WORKER_CONNECTORS", "fetch_ap", "There is no connector named fetch_ap"),
        ],
    )
    def test_a_worker_that_cannot_start_says_why(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
    ) -> None:
        monkeypatch.setenv(name, value)
        result = CliRunner().invoke(app, ["worker"])
        assert result.exit_code == 1
        assert result.stderr.startswith(says)

    @given(
        st.text() | st.sampled_from(["{{A_KEY}}", "{{x}}", "{{", "}}A_KEY"]), st.text(alphabet="{}A_KEYx ", max_size=30)
    )
    def test_no_value_can_name_a_secret(self, value: str, text: str) -> None:
        secrets = Secrets({"A_KEY": Secret(KEY, frozenset({"api.example.com"}))})
        filled = secrets.fill("{{x}}", "https://api.example.com", params={"x": value})
        assert filled == value
        assert secrets.hide(secrets.hide(text)) == secrets.hide(text)


GOOD: dict[str, Any] = {"url": "https://a.b/c", "fetchType": "wait", "wait": {}}


class TestDefinition:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"url": "https://{{HOST}}/x"}, "plain host"),
            ({"url": "https://a.b{{X_KEY}}/x"}, "plain host"),
            ({"url": "https://user@a.b/x"}, "plain host"),
            ({"url": "https://a.b\\@evil.net/x"}, "plain host"),
            ({"url": "https://a.b\t.evil.net/x"}, "plain host"),
            ({"url": "https://a.b/{{name}}"}, "is no secret"),
            ({"url": "https://a.b/" + "x" * 5000}, "at most 4096"),
            ({"method": "DELETE"}, "api.method"),
            ({"headers": {"a b": "c"}}, "no name of a header"),
            ({"headers": {"a": "b\r\nc: d"}}, "api.headers.a must be a text"),
            ({"headers": {"a": "{{prompt}}"}}, "is no secret"),
            ({"headers": []}, "api.headers must be an object"),
            ({"successResponseCode": 404}, "status from 200 to 299"),
            ({"requestTimeout": True}, "from 1 to 600"),
            ({"fetchType": "guess"}, "wait or polling"),
            ({"fetchType": "polling"}, "api.polling must be an object"),
            ({"wait": {"outputExprJq": 5}}, "jq expression"),
            ({"wait": {"outputExprJq": "x" * 2001}}, "at most 2000"),
            ({"fetchType": "polling", "polling": {}}, "api.polling.url"),
            ({"fetchType": "polling", "polling": {"url": "https://a.b", "params": {"a": {}}}}, "api.polling.params.a"),
            (
                {"fetchType": "polling", "polling": {"url": "https://a.b", "timeout": 300_000}},
                "seconds from 1 to 21600",
            ),
            ({"fetchType": "polling", "polling": {"url": "https://a.b/{{id}}"}}, "is no secret"),
        ],
    )
    def test_faults_are_named(self, change: dict[str, Any], says: str) -> None:
        with pytest.raises(DefinitionError) as caught:
            read(GOOD | change)
        assert says in "; ".join(caught.value.problems)

    def test_polling_is_like_the_first_request_but_for_what_it_says(self) -> None:
        how = {"url": "https://a.b/{{id}}/{{B_KEY}}", "params": {"id": ".id"}, "successResponseCode": 200}
        api = GOOD | {"fetchType": "polling", "polling": how, "headers": {"a": "{{A_KEY}}"}}
        polling = read(api).polling
        assert polling is not None
        assert (polling.request.method, polling.request.headers) == ("GET", {"a": "{{A_KEY}}"})
        assert polling.request.success == {200}
        assert secret_names(api) == {"A_KEY", "B_KEY"}

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["url", "method", "headers", "fetchType", "wait", "polling", "params", "timeout", "x"]
                    ),
                    inner,
                    max_size=5,
                )
            ),
        )
    )
    def test_junk_is_named(self, junk: Any) -> None:
        secret_names(junk)
        try:
            read(junk)
        except DefinitionError as error:
            assert error.problems  # noqa: PT017


class TestExpressions:
    """What a stranger's jq cannot do."""

    @pytest.fixture
    async def jq(self) -> AsyncIterator[Jq]:
        jq = Jq(timeout=1)
        yield jq
        await jq.close()

    async def test_several_over_one_document(self, jq: Jq) -> None:
        found = await jq.evaluate(b'{"a": [1, {"b": "\xc3\xa9"}]}', {"one": ".a[0]", "all": ".a[]", "none": "empty"})
        assert found == {"one": [1], "all": [1, {"b": "é"}], "none": []}

    async def test_it_sees_no_environment(self, jq: Jq, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EMPROPS_SECRET_A_KEY", KEY)
        found = await jq.evaluate(b"null", {"a": "$ENV.EMPROPS_SECRET_A_KEY", "b": "env|length"})
        assert found["a"] == [None]
        assert found["b"][0] <= 2, "what the system itself adds"

    async def test_it_reads_no_file(self, jq: Jq, tmp_path: Path) -> None:
        (tmp_path / "run.json").write_text('{"password": "p"}')
        for how in ("import", "include"):
            name = '"run" as $run' if how == "import" else '"run"'
            with pytest.raises(ExpressionError):
                await jq.evaluate(b"null", {"x": f'{how} {name} {{search: "{tmp_path}"}}; $run'})

    @pytest.mark.parametrize("endless", ["def f: f; f", "[range(1e12)]", '"x" * 4e9 | length', "last(repeat(1))"])
    async def test_it_ends_and_the_next_one_works(self, jq: Jq, endless: str) -> None:
        with pytest.raises(ExpressionError):
            await jq.evaluate(b"null", {"x": endless})
        assert await jq.evaluate(b"[1]", {"x": ".[0]"}) == {"x": [1]}

    async def test_values_without_end_are_cut(self, jq: Jq) -> None:
        assert len((await jq.evaluate(b"1", {"x": "repeat(.)"}))["x"]) == 1000

    @pytest.mark.parametrize("wrong", [".a.", "1 2", "foo", '"\\(', "[" * 1999])
    async def test_what_is_no_expression_is_named(self, jq: Jq, wrong: str) -> None:
        with pytest.raises(ExpressionError, match=r"^outputExprJq failed"):
            await jq.evaluate(b"null", {"outputExprJq": wrong})

    async def test_a_cancelled_question_is_not_answered_later(self, jq: Jq) -> None:
        await jq.evaluate(b"null", {"x": "."})
        task = asyncio.create_task(jq.evaluate(b'"old"', {"x": "."}))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await jq.evaluate(b'"new"', {"x": "."}) == {"x": ["new"]}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("12", 12), (" 0 ", 0), ("999999999999", 3600), ("soon", None), ("-5", None), ("Mon, 99", None)],
)
def test_retry_after_in_seconds(text: str | None, seconds: float | None) -> None:
    assert retry_after(text) == seconds


def test_retry_after_in_parts_of_a_second() -> None:
    assert retry_after("1.5") == 1.5
    assert retry_after("7", "250") == 0.25, "what says it more exactly counts"
    assert retry_after("7", "soon") == 7


def test_retry_after_as_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    wait_for = retry_after(date)
    assert wait_for is not None
    assert 80 < wait_for <= 90
    assert retry_after(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) is None


def test_bad_input_says_every_fault() -> None:
    with pytest.raises(BadInputError, match=r"api\.url .*api\.fetchType"):
        asyncio.run(FetchApi(Settings(), secrets=Secrets({})).run(make_ticket("fetch_api", {"api": {}}), None))  # type: ignore[arg-type]
