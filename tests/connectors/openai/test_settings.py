"""The OpenAI connector: its settings, and the errors of its server."""

from pathlib import Path
from typing import Any

import pytest
from tests.apps import served
from tests.connectors.openai.rig import CHAT, IMAGE, failure, run, settings_of
from tests.fakes.openai import KEY, FakeOpenAI

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, RetryableError
from emprops.connectors.openai.connector import OpenAI
from emprops.connectors.registry import load_connectors
from emprops.settings import Settings, SettingsError


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
