"""The OpenAI connector against a server that speaks OpenAI's protocol on loopback."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.apps import served
from tests.connectors.contract import Bad, ConnectorContract, RecordingContext, Sample, content_of, make_ticket
from tests.connectors.faults import FaultContract, Step
from tests.fakes.openai import KEY, FakeOpenAI
from tests.fakes.pictures import JPEG, PNG

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, Outcome, RetryableError
from emprops.connectors.openai.connector import OpenAI
from emprops.connectors.registry import load_connectors
from emprops.settings import Settings, SettingsError

CHAT = {"model": "gpt-test", "messages": [{"role": "user", "content": "Describe a fox."}]}
IMAGE = {"prompt": "a fox", "size": "1024x1024"}
STOP = {"index": 0, "delta": {}, "finish_reason": "stop"}
SOURCE = "https://files.example/source.jpg"


def settings_of(fake: FakeOpenAI, key: str = KEY, max_result_bytes: int = 1024**3) -> Settings:
    return Settings(openai_api_key=key, openai_base_url=f"{fake.base}/v1", max_result_bytes=max_result_bytes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakeOpenAI]:
    fake = FakeOpenAI()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        fake.heal()


@pytest.fixture
def fake(server: FakeOpenAI) -> FakeOpenAI:
    server.reset()
    return server


@pytest.fixture
async def connector(fake: FakeOpenAI, request: pytest.FixtureRequest) -> AsyncIterator[OpenAI]:
    patience = 0.3 if "[slow]" in request.node.name else 30
    limit = 1024 * 1024 if "[gigantic]" in request.node.name else 1024**3
    made = OpenAI(settings_of(fake, max_result_bytes=limit), idle=patience, max_answer_bytes=1024 * 1024)
    yield made
    await made.close()


@pytest.fixture
def inputs(tmp_path: Path) -> Mapping[str, Path]:
    source, mask, page = tmp_path / "source.jpg", tmp_path / "mask.png", tmp_path / "page.bin"
    source.write_bytes(JPEG)
    mask.write_bytes(PNG)
    page.write_bytes(b"<html>")
    return {SOURCE: source, "https://files.example/mask.png": mask, "https://files.example/page": page}


async def run(
    connector: OpenAI, job_type: str, payload: Mapping[str, Any], folder: Path, inputs: Mapping[str, Path] | None = None
) -> Outcome:
    return await connector.run(make_ticket(job_type, payload), RecordingContext(folder, inputs or {}))


async def failure(connector: OpenAI, job_type: str, payload: Mapping[str, Any], folder: Path) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await run(connector, job_type, payload, folder)
    assert KEY[:9] not in f"{caught.value!r} {caught.value.details}"
    return caught.value


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, connector: OpenAI) -> OpenAI:
        return connector

    @pytest.fixture
    def inputs(self, inputs: Mapping[str, Path]) -> Mapping[str, Path]:
        return inputs

    @pytest.fixture
    def samples(self) -> list[Sample]:
        return [
            Sample("openai_chat", CHAT),
            Sample("openai_chat", {"model": "m", "prompt": "hi", "system": "Be brief.", "temperature": 0.1}),
            Sample("openai_image", IMAGE),
            Sample("openai_image", IMAGE | {"image": SOURCE}),
        ]

    @pytest.fixture
    def bad(self) -> list[Bad]:
        def said(content: Any) -> dict[str, Any]:
            return {"model": "m", "messages": [{"role": "user", "content": content}]}

        picture = {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}
        return [
            Bad("openai_chat", {"messages": CHAT["messages"]}, "model"),
            Bad("openai_chat", {"model": "m"}, "messages"),
            Bad("openai_chat", {"model": "m", "messages": []}, "messages"),
            Bad("openai_chat", {"model": "m", "messages": ["hi"]}, "messages[0]"),
            Bad("openai_chat", said(5), "messages[0].content"),
            Bad("openai_chat", said([{"type": "file"}]), "messages[0].content[0].type"),
            Bad("openai_chat", said([picture]), "messages[0].content[0].image_url.url"),
            Bad("openai_chat", CHAT | {"n": 2}, "n must be 1"),
            Bad("openai_chat", CHAT | {"tools": []}, "tools"),
            Bad("openai_image", {}, "prompt"),
            Bad("openai_image", IMAGE | {"n": 11}, "n must be"),
            Bad("openai_image", IMAGE | {"mask": SOURCE}, "mask needs image"),
            Bad("openai_image", IMAGE | {"partial_images": 4}, "partial_images must be"),
            Bad("openai_image", IMAGE | {"input_fidelity": "high"}, "input_fidelity needs image"),
            Bad("openai_image", IMAGE | {"image": "https://files.example/page"}, "image must be a PNG"),
            Bad("openai_image", IMAGE | {"api_key": "x"}, "api_key"),
        ]

    @pytest.fixture
    def slow(self, fake: FakeOpenAI) -> Sample:
        fake.words = ["word "] * 200
        return Sample("openai_chat", CHAT)


class TestFaults(FaultContract):
    @pytest.fixture
    def connector(self, connector: OpenAI) -> OpenAI:
        return connector

    @pytest.fixture
    def service(self, fake: FakeOpenAI) -> FakeOpenAI:
        return fake

    @pytest.fixture
    def inputs(self, inputs: Mapping[str, Path]) -> Mapping[str, Path]:
        return inputs

    @pytest.fixture
    def key(self) -> str:
        return KEY

    @pytest.fixture
    def steps(self, fake: FakeOpenAI) -> list[Step]:
        fake.picture_url = f"{fake.base}/files/a.png?signature=s3cr3t"
        return [
            Step(Sample("openai_chat", CHAT), "/chat/completions"),
            Step(Sample("openai_image", IMAGE), "/generations"),
            Step(Sample("openai_image", IMAGE | {"image": SOURCE}), "/edits"),
            Step(Sample("openai_image", IMAGE), "/a.png"),
            Step(Sample("openai_image", IMAGE | {"partial_images": 1}), "/generations"),
        ]

    @pytest.fixture
    def large(self, steps: list[Step]) -> Step:
        return next(step for step in steps if step.at == "/a.png")


class TestSettings:
    def test_it_is_loaded_with_a_key_or_an_address_only(self) -> None:
        assert "openai" not in {made.name for made in load_connectors(Settings(), None)}
        for settings in (Settings(openai_api_key=KEY), Settings(openai_base_url="http://gpu:8000/v1")):  # type: ignore[arg-type]
            assert "openai" in {made.name for made in load_connectors(settings, None)}

    @pytest.mark.parametrize("address", ["gpu:8000/v1", "ftp://gpu/v1", "http://", "http://gpu:many/v1"])
    def test_an_address_that_is_none_is_named(self, address: str) -> None:
        with pytest.raises(SettingsError, match="EMPROPS_OPENAI_BASE_URL must be"):
            OpenAI(Settings(openai_base_url=address))

    async def test_a_wrong_key_is_told_without_any_of_it(self, fake: FakeOpenAI, tmp_path: Path) -> None:
        wrong = "sk-wrong-key-987654321"
        connector = OpenAI(settings_of(fake, wrong))
        health = await connector.check()
        assert not health.ok
        error = await failure(connector, "openai_chat", CHAT, tmp_path)
        await connector.close()
        assert isinstance(error, FinalError)
        assert "did not accept the key" in error.message
        assert wrong not in f"{health} {error.message} {error.details}"

    async def test_a_service_that_is_away_and_comes_back(self, tmp_path: Path) -> None:
        fake = FakeOpenAI()
        async with served(fake.app()) as client:  # type: ignore[arg-type]
            fake.base, port = str(client.base_url).rstrip("/"), client.base_url.port
            connector = OpenAI(settings_of(fake))
            await run(connector, "openai_chat", CHAT, tmp_path)
        assert isinstance(await failure(connector, "openai_chat", CHAT, tmp_path), RetryableError)
        assert not (await connector.check()).ok
        async with served(fake.app(), port or 0):  # type: ignore[arg-type]
            assert (await run(connector, "openai_chat", CHAT, tmp_path)).data["text"] == "A red fox."
        await connector.close()


@pytest.mark.parametrize(
    ("status", "listing", "well"),
    [
        (200, [{"id": "x"}], True),
        (200, {"data": [{"id": "x"}, "y", None]}, True),
        (200, "models", True),
        (404, {"detail": "Not Found"}, True),  # a service that lists no models works all the same
        (403, {"error": {"message": "Missing scopes: api.model.read"}}, True),
        (401, {"error": {"message": "no"}}, False),
        (429, {"error": {"code": "insufficient_quota"}}, False),
        (503, None, False),
    ],
)
async def test_how_a_service_lists_its_models_does_not_matter(
    fake: FakeOpenAI, status: int, listing: Any, well: bool
) -> None:
    connector = OpenAI(settings_of(fake))
    fake.listing = (status, listing)
    health = await connector.check()
    await connector.close()
    assert health.ok is well, health


class TestChat:
    async def test_the_text_with_its_usage(self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path) -> None:
        context = RecordingContext(tmp_path)
        payload = CHAT | {"temperature": 0.5, "max_tokens": 50, "top_k": 5, "seed": None}
        outcome = await connector.run(make_ticket("openai_chat", payload), context)
        assert outcome.data == {
            "text": "A red fox.",
            "finish_reason": "stop",
            "model": "gpt-test-2026",
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }
        (asked,) = fake.asked
        assert asked == CHAT | {
            "temperature": 0.5,
            "max_tokens": 50,
            "top_k": 5,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        assert [message for _, message in context.seen[1:-1]] == ["A ", "A red ", "A red fox."]
        assert context.previews[-1] == ("A red fox.", "text/plain", "")

    async def test_progress_messages_stay_short(self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path) -> None:
        fake.words = [f"{number} " for number in range(500)]
        context = RecordingContext(tmp_path)
        outcome = await connector.run(make_ticket("openai_chat", CHAT), context)
        assert outcome.data["text"].endswith(" 498 499 ")
        assert max(len(message) for _, message in context.seen) == 400
        assert context.seen[-2][1].endswith("499 ")

    async def test_pictures_are_brought_here_before_they_are_sent(
        self, connector: OpenAI, fake: FakeOpenAI, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        inline = "data:image/png;base64,AAA_AA\nA"
        parts = [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": SOURCE, "detail": "low"}},
            {"type": "image_url", "image_url": {"url": inline}},
        ]
        payload = {"model": "m", "messages": [{"role": "user", "content": parts}]}
        await run(connector, "openai_chat", payload, tmp_path, inputs)
        sent = fake.asked[0]["messages"][0]["content"]
        here = "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()
        assert sent[1]["image_url"] == {"url": here, "detail": "low"}
        assert sent[2]["image_url"]["url"] == "data:image/png;base64,AAA/AAA="
        page = {"type": "image_url", "image_url": {"url": "https://files.example/page"}}
        wrong = {"model": "m", "messages": [{"role": "user", "content": [page]}]}
        with pytest.raises(BadInputError, match="not to a picture"):
            await run(connector, "openai_chat", wrong, tmp_path, inputs)

    @pytest.mark.parametrize(
        "choices",
        [
            [{"delta": {"content": "A fox."}}, {"finish_reason": "stop"}],
            [{"delta": None}, {"delta": {"content": "A fox."}, "finish_reason": "stop"}],
            [{"delta": {"content": [{"type": "text", "text": "A "}]}}, {"delta": {"content": ["fox."]}}, STOP],
            [{"delta": {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "A fox."}]}}, STOP],
            [{"index": 0, "message": {"role": "assistant", "content": "A fox."}, "finish_reason": "stop"}],
            [{"delta": {"content": "A fox."}}, {"message": {"content": "A fox."}, "finish_reason": "stop"}],
            [{"choices": None}, {"choices": []}, {"choices": [None]}, {"delta": {"content": "A fox."}}, STOP],
            [{"delta": {"content": "A fox.", "refusal": ["odd"]}, "finish_reason": {}}, STOP],
        ],
    )
    async def test_streams_of_services_that_resemble_it(
        self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path, choices: list[dict[str, Any]]
    ) -> None:
        fake.choices = choices
        outcome = await run(connector, "openai_chat", CHAT, tmp_path)
        assert (outcome.data["text"], outcome.data["finish_reason"]) == ("A fox.", "stop")

    async def test_pictures_in_an_answer_become_files(
        self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path
    ) -> None:
        inline = "data:image/png;base64," + base64.urlsafe_b64encode(PNG).decode().rstrip("=")
        own = f"{fake.base}/files/a.png"
        pictures = [{"type": "image_url", "image_url": {"url": inline}}, {"type": "image_url", "image_url": own}]
        fake.choices = [
            {"delta": {"content": "Here: ", "images": pictures[:1]}},
            {"delta": {"content": pictures}},
            STOP,
        ]
        outcome = await run(connector, "openai_chat", CHAT, tmp_path)
        assert [content_of(file) for file in outcome.files] == [PNG, PNG]
        assert outcome.data["text"] == "Here: "
        fake.choices = [{"delta": {"content": pictures[:1]}, "finish_reason": "stop"}]
        outcome = await run(connector, "openai_chat", CHAT, tmp_path)
        assert (len(outcome.files), "text" in outcome.data) == (1, False)
        fake.choices = [
            {"delta": {"images": [{"type": "image_url", "image_url": {"url": f"data:image/png,{n}"}}]}}
            for n in range(11)
        ]
        fake.choices.append(STOP)
        assert "at most 10" in (await failure(connector, "openai_chat", CHAT, tmp_path)).message

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("data:image/png;base64,§", "in valid base64"),
            ("data:image/png;base64,", "must be a picture"),
            ("data:text/html;base64,AAAA", "leads to text/html"),
            ("data:;base64,AAAA", "leads to an unnamed type"),
        ],
    )
    async def test_an_encoded_picture_that_is_none(
        self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path, url: str, says: str
    ) -> None:
        part = {"type": "image_url", "image_url": {"url": url}}
        payload = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
        error = await failure(connector, "openai_chat", payload, tmp_path)
        assert isinstance(error, BadInputError)
        assert says in error.message
        assert fake.asked == []

    @pytest.mark.parametrize(
        ("change", "kind", "says"),
        [
            ({"refusal": "I will not."}, FinalError, "refused the content: I will not."),
            ({"finish_reason": "content_filter"}, FinalError, "content filter"),
            ({"finish_reason": None}, RetryableError, "broke off"),
            ({"words": []}, FinalError, "wrote no text"),
            ({"words": [], "finish_reason": "length"}, FinalError, "within max_tokens"),
            ({"stream_error": {"message": "overloaded", "type": "server_error"}}, RetryableError, "overloaded"),
            ({"stream_error": {"message": "bad", "code": "content_filter"}}, FinalError, "refused the content: bad"),
            ({"stream_error": {"message": "too long", "type": "invalid_request_error"}}, BadInputError, "too long"),
        ],
    )
    async def test_what_is_no_text_is_no_success(
        self,
        connector: OpenAI,
        fake: FakeOpenAI,
        tmp_path: Path,
        change: dict[str, Any],
        kind: type[ConnectorError],
        says: str,
    ) -> None:
        for name, value in change.items():
            setattr(fake, name, value)
        error = await failure(connector, "openai_chat", CHAT, tmp_path)
        assert type(error) is kind
        assert says in error.message

    async def test_cancelling_ends_a_request_that_hangs(self, fake: FakeOpenAI, tmp_path: Path) -> None:
        connector = OpenAI(settings_of(fake))
        fake.fault = "slow"
        task = asyncio.create_task(run(connector, "openai_chat", CHAT, tmp_path))
        await fake.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await connector.close()


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "error", "kind", "says"),
        [
            (400, {"message": "Rejected by safety.", "code": "moderation_blocked"}, FinalError, "Rejected by safety."),
            (400, {"message": "No such size.", "param": "size"}, BadInputError, "No such size."),
            (404, {"message": "No such model."}, FinalError, "No such model."),
            (429, {"message": "Pay.", "code": "insufficient_quota"}, FinalError, "no credit left"),
            (429, {"message": "Slow down.", "code": "rate_limit_exceeded"}, RetryableError, "answered 429"),
            (403, {"message": f"Not with {KEY}."}, FinalError, "Not with [key]."),
            (400, {"message": "x" * 540 + KEY}, BadInputError, "xxx"),
            (404, {"message": f"{KEY} " * 40}, FinalError, "[key] [key]"),
            (503, {"message": "Overloaded."}, RetryableError, "answered 503"),
        ],
    )
    async def test_each_answer_has_its_meaning(
        self,
        connector: OpenAI,
        fake: FakeOpenAI,
        tmp_path: Path,
        status: int,
        error: dict[str, Any],
        kind: type[ConnectorError],
        says: str,
    ) -> None:
        fake.error = (status, error)
        for job_type, payload in (("openai_chat", CHAT), ("openai_image", IMAGE)):
            found = await failure(connector, job_type, payload, tmp_path)
            assert type(found) is kind
            assert says in found.message
            assert found.details.get("code") == error.get("code")
        assert len(fake.asked) == 2, "the queue repeats, the SDK must not"


class TestImages:
    async def test_pictures_become_files(self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path) -> None:
        outcome = await run(connector, "openai_image", IMAGE | {"n": 2, "quality": "low"}, tmp_path)
        assert [(file.name, file.mime_type, content_of(file)) for file in outcome.files] == [
            ("result-1.png", "image/png", PNG),
            ("result-2.png", "image/png", PNG),
        ]
        assert outcome.data["usage"]["total_tokens"] == 12
        assert fake.asked == [IMAGE | {"n": 2, "quality": "low", "model": "gpt-image-2.5-flare"}]

    @pytest.mark.parametrize("as_url", [False, True])
    async def test_encoded_pictures_in_every_form(
        self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path, as_url: bool
    ) -> None:
        plain, lines = base64.urlsafe_b64encode(PNG).decode().rstrip("="), base64.encodebytes(PNG).decode()
        for encoded in (f"data:image/png;base64,{plain}", f"data:;base64,{lines}", *([] if as_url else [plain, lines])):
            setattr(fake, "picture_url" if as_url else "encoded", encoded)
            outcome = await run(connector, "openai_image", IMAGE, tmp_path)
            assert [content_of(file) for file in outcome.files] == [PNG]
        setattr(fake, "picture_url" if as_url else "encoded", "data:image/png;base64,§")
        assert "not valid base64" in (await failure(connector, "openai_image", IMAGE, tmp_path)).message

    async def test_editing_sends_the_pictures(
        self, connector: OpenAI, fake: FakeOpenAI, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        payload = IMAGE | {"image": SOURCE, "mask": "https://files.example/mask.png", "input_fidelity": "high"}
        await run(connector, "openai_image", payload, tmp_path, inputs)
        await run(connector, "openai_image", IMAGE | {"image": [SOURCE, {"url": SOURCE}]}, tmp_path, inputs)
        one, two = fake.asked
        assert one["image"] == [("image.jpg", "image/jpeg", JPEG)]
        assert one["mask"] == [("mask.png", "image/png", PNG)]
        assert (one["prompt"], one["input_fidelity"], one["size"]) == (["a fox"], ["high"], ["1024x1024"])
        assert two["image[]"] == [("image.jpg", "image/jpeg", JPEG)] * 2

    async def test_unfinished_pictures_are_shown_where_they_can_be_seen(
        self, connector: OpenAI, fake: FakeOpenAI, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        for payload in (IMAGE | {"partial_images": 2}, IMAGE | {"partial_images": 2, "image": SOURCE}):
            context = RecordingContext(tmp_path, inputs)
            outcome = await connector.run(make_ticket("openai_image", payload), context)
            assert [content_of(file) for file in outcome.files] == [PNG]
            assert outcome.data["usage"]["total_tokens"] == 12
            assert [shown for shown, _, _ in context.previews] == [PNG, JPEG]
        blind = RecordingContext(tmp_path, shows_previews=False)
        await connector.run(make_ticket("openai_image", IMAGE | {"partial_images": 2}), blind)
        assert "stream" not in fake.asked[-1]
        assert "partial_images" not in fake.asked[-1], "they cost, and nobody would see them"

    @pytest.mark.parametrize(
        ("change", "kind", "says"),
        [
            ({"finish_reason": None}, RetryableError, "broke off"),
            ({"stream_error": {"message": "Unsafe.", "code": "moderation_blocked"}}, FinalError, "refused the content"),
        ],
    )
    async def test_an_unfinished_picture_is_no_result(
        self,
        connector: OpenAI,
        fake: FakeOpenAI,
        tmp_path: Path,
        change: dict[str, Any],
        kind: type[ConnectorError],
        says: str,
    ) -> None:
        for name, value in change.items():
            setattr(fake, name, value)
        error = await failure(connector, "openai_image", IMAGE | {"partial_images": 1}, tmp_path)
        assert type(error) is kind
        assert says in error.message

    async def test_a_foreign_url_goes_through_the_guarded_client(
        self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path
    ) -> None:
        fake.picture_url = url = "https://cdn.example/a.png?signature=s3cr3t"
        (tmp_path / "a.png").write_bytes(PNG)
        context = RecordingContext(tmp_path, {url: tmp_path / "a.png"})
        outcome = await connector.run(make_ticket("openai_image", IMAGE), context)
        assert [content_of(file) for file in outcome.files] == [PNG]
        assert outcome.data["revised_prompt"] == "a better fox"
        assert [fetched for fetched, _ in context.fetched] == [url]
        error = await failure(connector, "openai_image", IMAGE, tmp_path)
        assert isinstance(error, FinalError)
        assert "cdn.example" in error.message
        assert "s3cr3t" not in error.message
        for odd in ("http://[x/s3cr3t", "http://x:many/s3cr3t", "data:image/png,s3cr3t", "/s3cr3t"):
            fake.picture_url = odd
            error = await failure(connector, "openai_image", IMAGE, tmp_path)
            assert isinstance(error, FinalError)
            assert "s3cr3t" not in error.message

    async def test_what_is_no_picture_is_refused(self, connector: OpenAI, fake: FakeOpenAI, tmp_path: Path) -> None:
        for content, says in ((b"<html>", "no image"), (b"", "without content")):
            fake.picture = content
            assert says in (await failure(connector, "openai_image", IMAGE, tmp_path)).message
