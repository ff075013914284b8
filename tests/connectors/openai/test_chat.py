"""The OpenAI connector: texts."""

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.openai.rig import CHAT, SOURCE, STOP, failure, run, settings_of
from tests.fakes.openai import FakeOpenAI
from tests.fakes.pictures import JPEG, PNG

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, RetryableError
from emprops.connectors.openai.connector import OpenAI


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
