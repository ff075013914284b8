"""The Stability connector: what is refused, here and there; its settings."""

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.apps import served
from tests.connectors.contract import content_of
from tests.connectors.stability.rig import TEXT, VIDEO, failure, run, settings_of
from tests.fakes.pictures import MP4, PNG
from tests.fakes.stability import KEY, FakeStability

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, RetryableError
from emprops.connectors.registry import load_connectors
from emprops.connectors.stability.connector import StabilityApi
from emprops.settings import Settings


class TestRefusals:
    @pytest.mark.parametrize("payload", [TEXT, VIDEO])
    async def test_filtered_content_is_no_result(
        self,
        connector: StabilityApi,
        fake: FakeStability,
        inputs: Mapping[str, Path],
        tmp_path: Path,
        payload: dict[str, Any],
    ) -> None:
        fake.finish_reason = "CONTENT_FILTERED"
        error = await failure(connector, payload, tmp_path, inputs)
        assert type(error) is FinalError
        assert "CONTENT_FILTERED" in error.message
        assert error.details == {"finish_reason": "CONTENT_FILTERED"}

    @pytest.mark.parametrize(
        ("status", "name", "kind", "says"),
        [
            (400, "bad_request", BadInputError, "refused the request: because"),
            (402, "payment_required", FinalError, "no credit left"),
            (403, "content_moderation", FinalError, "refused the content: because"),
            (404, "not_found", FinalError, "answered 404. because"),
            (413, "payload_too_large", BadInputError, "because"),
            (422, "unprocessable", BadInputError, "because"),
            (429, "rate_limit_exceeded", RetryableError, "answered 429"),
            (500, "internal_error", RetryableError, "answered 500"),
        ],
    )
    async def test_each_answer_has_its_meaning(
        self,
        connector: StabilityApi,
        fake: FakeStability,
        inputs: Mapping[str, Path],
        tmp_path: Path,
        status: int,
        name: str,
        kind: type[ConnectorError],
        says: str,
    ) -> None:
        fake.error = (status, {"id": "e9", "name": name, "errors": ["because"]})
        for payload in (TEXT, VIDEO):
            error = await failure(connector, payload, tmp_path, inputs)
            assert type(error) is kind
            assert says in error.message
            assert error.details["status"] == status
            assert error.retry_after == (60 if status == 429 else None), "as the API's documentation says"

    @pytest.mark.parametrize("name", ["image", "result"])
    async def test_a_result_in_json_is_read(
        self, connector: StabilityApi, fake: FakeStability, tmp_path: Path, name: str
    ) -> None:
        encoded = base64.urlsafe_b64encode(PNG).decode().rstrip("=")
        for text in (encoded, f"data:image/png;base64,{encoded}"):
            fake.as_json = {name: text, "finish_reason": "SUCCESS", "seed": 7}
            outcome = await run(connector, TEXT, tmp_path)
            assert [(file.mime_type, content_of(file)) for file in outcome.files] == [("image/png", PNG)]
            assert outcome.data == {"finish_reason": "SUCCESS", "seed": 7}

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            ({"image": "§"}, "not valid base64"),
            ({"image": ""}, "not valid base64"),
            ({"image": "AAAA"}, "no image"),
            ({"image": 5}, "no image but JSON"),
            ({"errors": ["no"]}, "no image but no"),
            ({"image": "AAAA", "finish_reason": "CONTENT_FILTERED"}, "refused the content"),
        ],
    )
    async def test_json_without_a_result(
        self, connector: StabilityApi, fake: FakeStability, tmp_path: Path, answer: dict[str, Any], says: str
    ) -> None:
        fake.as_json = answer
        error = await failure(connector, TEXT, tmp_path)
        assert type(error) is FinalError
        assert says in error.message

    async def test_what_is_no_picture_is_refused(
        self, connector: StabilityApi, fake: FakeStability, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        for content, says in ((b"", "empty file"), (b"<html>", "no image"), (MP4, "no image")):
            fake.content = content
            assert says in (await failure(connector, TEXT, tmp_path)).message
        fake.content = PNG
        assert "no video" in (await failure(connector, VIDEO, tmp_path, inputs)).message


class TestSettings:
    def test_it_is_loaded_with_a_key_only(self) -> None:
        assert "stability" not in {made.name for made in load_connectors(Settings(), None)}
        settings = Settings(stability_api_key=KEY)  # type: ignore[arg-type]
        assert "stability" in {made.name for made in load_connectors(settings, None)}

    async def test_a_wrong_key_is_told_without_any_of_it(self, fake: FakeStability, tmp_path: Path) -> None:
        wrong = "sk-wrong-key-987654321"
        connector = StabilityApi(settings_of(fake, wrong))
        health = await connector.check()
        error = await failure(connector, TEXT, tmp_path)
        await connector.close()
        assert type(error) is FinalError
        assert not health.ok
        assert "did not accept the key" in error.message
        assert wrong not in f"{health} {error.message} {error.details}"

    async def test_a_service_that_is_away_and_comes_back(self, tmp_path: Path) -> None:
        own = FakeStability()
        async with served(own.app()) as client:  # type: ignore[arg-type]
            own.base, port = str(client.base_url).rstrip("/"), client.base_url.port
            connector = StabilityApi(settings_of(own))
            await run(connector, TEXT, tmp_path)
        assert type(await failure(connector, TEXT, tmp_path)) is RetryableError
        assert not (await connector.check()).ok
        async with served(own.app(), port or 0):  # type: ignore[arg-type]
            assert (await run(connector, TEXT, tmp_path)).files
        await connector.close()

    async def test_cancelling_ends_a_request_that_hangs(
        self, connector: StabilityApi, fake: FakeStability, tmp_path: Path
    ) -> None:
        fake.fault = "slow"
        task = asyncio.create_task(run(connector, TEXT, tmp_path))
        await fake.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
