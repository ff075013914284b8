"""The OpenAI connector: pictures."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.openai.rig import IMAGE, SOURCE, failure, run
from tests.fakes.openai import FakeOpenAI
from tests.fakes.pictures import JPEG, PNG

from emprops.connectors.base import ConnectorError, FinalError, RetryableError
from emprops.connectors.openai.connector import OpenAI


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
