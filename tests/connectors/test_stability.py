"""The Stability connector against a server that speaks its REST API on loopback."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.apps import served
from tests.connectors.contract import Bad, ConnectorContract, RecordingContext, Sample, content_of, make_ticket
from tests.connectors.faults import FaultContract, Step
from tests.fakes.faults import Faulty
from tests.fakes.pictures import JPEG, MP4, PNG
from tests.fakes.stability import GENERATE, KEY, UPSCALE, FakeStability

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, Outcome, RetryableError
from emprops.connectors.registry import load_connectors
from emprops.connectors.stability.connector import StabilityApi
from emprops.settings import Settings

SOURCE = "https://files.example/source.jpg"
TEXT = {"prompt": "a fox"}
PICTURE = {"operation": "image_to_image", "prompt": "a fox", "image": SOURCE, "strength": 0.7}
FAST = {"operation": "upscale", "image": SOURCE}
CREATIVE = {"operation": "upscale", "model": "creative", "image": SOURCE, "prompt": "a fox"}
VIDEO = {"operation": "image_to_video", "image": SOURCE, "motion_bucket_id": 40, "cfg_scale": "1.8"}


class Pauses:
    """Takes the place of waiting: notes how long each wait would have been. ``then`` is called in each."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.then: Any = None

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)
        if self.then is not None:
            self.then(len(self.seconds))


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakeStability]:
    fake = FakeStability()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        fake.heal()


@pytest.fixture
def fake(server: FakeStability) -> FakeStability:
    server.reset()
    return server


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def connector(fake: FakeStability, pauses: Pauses, request: pytest.FixtureRequest) -> AsyncIterator[StabilityApi]:
    patience = 0.3 if "[slow]" in request.node.name else 30
    limit = 1024 * 1024 if "[gigantic]" in request.node.name else 1024**3
    settings = settings_of(fake, max_result_bytes=limit)
    made = StabilityApi(settings, idle=patience, max_answer_bytes=1024 * 1024, pause=pauses)
    yield made
    await made.close()


@pytest.fixture
def inputs(tmp_path: Path) -> Mapping[str, Path]:
    source, page = tmp_path / "source.jpg", tmp_path / "page.bin"
    source.write_bytes(JPEG)
    page.write_bytes(b"<html>")
    return {SOURCE: source, "https://files.example/page": page}


def settings_of(fake: FakeStability, key: str = KEY, max_result_bytes: int = 1024**3) -> Settings:
    return Settings(stability_api_key=key, stability_base_url=fake.base, max_result_bytes=max_result_bytes)  # type: ignore[arg-type]


async def run(
    connector: StabilityApi, payload: Mapping[str, Any], folder: Path, inputs: Mapping[str, Path] | None = None
) -> Outcome:
    return await connector.run(make_ticket("stability_api", payload), RecordingContext(folder, inputs or {}))


async def failure(
    connector: StabilityApi, payload: Mapping[str, Any], folder: Path, inputs: Mapping[str, Path] | None = None
) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await run(connector, payload, folder, inputs)
    assert KEY not in f"{caught.value!r} {caught.value.details}"
    return caught.value


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, connector: StabilityApi) -> StabilityApi:
        return connector

    @pytest.fixture
    def inputs(self, inputs: Mapping[str, Path]) -> Mapping[str, Path]:
        return inputs

    @pytest.fixture
    def samples(self) -> list[Sample]:
        return [Sample("stability_api", payload) for payload in (TEXT, PICTURE, FAST, CREATIVE, VIDEO)]

    @pytest.fixture
    def bad(self) -> list[Bad]:
        cases = [
            ({}, "prompt"),
            (TEXT | {"operation": "inpaint"}, "operation must be one of"),
            (TEXT | {"model": "sdxl"}, "model must be one of"),
            (TEXT | {"engine": "sdxl"}, "engine must be one of"),
            (TEXT | {"aspect_ratio": "7:5"}, "aspect_ratio"),
            (TEXT | {"seed": -1}, "seed"),
            (TEXT | {"output_format": "gif"}, "output_format"),
            (TEXT | {"image": SOURCE}, "image cannot be set for text_to_image with core"),
            (TEXT | {"cfg_scale": 3}, "cfg_scale cannot be set"),
            (PICTURE | {"strength": None}, "strength must be a number from 0 to 1"),
            (PICTURE | {"strength": True}, "strength"),
            (PICTURE | {"strength": 1.5}, "strength"),
            (PICTURE | {"model": "core"}, "model must be one of ultra, sd3"),
            (PICTURE | {"image": ""}, "image is required"),
            (PICTURE | {"image": "https://files.example/page"}, "image must be a PNG"),
            (FAST | {"model": "slow"}, "model must be one of fast"),
            (FAST | {"prompt": "x"}, "prompt cannot be set for upscale with fast"),
            (CREATIVE | {"prompt": ""}, "prompt is required"),
            (VIDEO | {"motion_bucket_id": 256}, "motion_bucket_id"),
        ]
        return [Bad("stability_api", payload, names) for payload, names in cases]

    @pytest.fixture
    def slow(self, fake: FakeStability) -> Sample:
        fake.pending = 10
        return Sample("stability_api", CREATIVE)


class TestFaults(FaultContract):
    @pytest.fixture
    def connector(self, connector: StabilityApi) -> StabilityApi:
        return connector

    @pytest.fixture
    def service(self, fake: FakeStability) -> Faulty:
        return fake

    @pytest.fixture
    def inputs(self, inputs: Mapping[str, Path]) -> Mapping[str, Path]:
        return inputs

    @pytest.fixture
    def key(self) -> str:
        return KEY

    @pytest.fixture
    def steps(self) -> list[Step]:
        return [
            Step(Sample("stability_api", TEXT), "/core"),
            Step(Sample("stability_api", PICTURE), "/sd3"),
            Step(Sample("stability_api", FAST), "/fast"),
            Step(Sample("stability_api", CREATIVE), "/creative"),
            Step(Sample("stability_api", CREATIVE), "/results/"),
            Step(Sample("stability_api", VIDEO), "/image-to-video/result/"),
        ]

    @pytest.fixture
    def large(self, steps: list[Step]) -> Step:
        return next(step for step in steps if step.at == "/fast")


class TestRequests:
    @pytest.mark.parametrize(
        ("payload", "path", "fields"),
        [
            (
                TEXT | {"seed": "7", "aspect_ratio": "16:9", "output_format": "WEBP", "style_preset": "anime"},
                f"{GENERATE}/core",
                TEXT | {"seed": "7", "aspect_ratio": "16:9", "output_format": "webp", "style_preset": "anime"},
            ),
            (TEXT | {"model": "ultra", "negative_prompt": "dogs"}, f"{GENERATE}/ultra", {"negative_prompt": "dogs"}),
            (TEXT | {"model": "sd3.5-large", "cfg_scale": 4}, f"{GENERATE}/sd3", {"model": "sd3.5-large"}),
            (TEXT | {"engine": "SD3", "negative_prompt": ""}, f"{GENERATE}/sd3", TEXT),
            (
                PICTURE,
                f"{GENERATE}/sd3",
                TEXT | {"mode": "image-to-image", "strength": "0.7", "image": ("image.jpg", "image/jpeg", JPEG)},
            ),
            (PICTURE | {"model": "ultra"}, f"{GENERATE}/ultra", TEXT | {"strength": "0.7"}),
            (FAST, f"{UPSCALE}/fast", {"image": ("image.jpg", "image/jpeg", JPEG)}),
            (
                CREATIVE | {"model": "conservative", "creativity": 0.35},
                f"{UPSCALE}/conservative",
                {"creativity": "0.35"},
            ),
        ],
    )
    async def test_each_operation_has_its_request(
        self,
        connector: StabilityApi,
        fake: FakeStability,
        inputs: Mapping[str, Path],
        tmp_path: Path,
        payload: dict[str, Any],
        path: str,
        fields: dict[str, Any],
    ) -> None:
        outcome = await run(connector, payload, tmp_path, inputs)
        (asked,) = fake.asked
        assert (asked.path, asked.accept) == (path, "image/*")
        assert asked.fields | fields == asked.fields
        if len(fields) > 1 and "ultra" not in path:
            assert asked.fields == fields
        (file,) = outcome.files
        assert (file.name, file.mime_type, content_of(file)) == ("result-1.png", "image/png", PNG)
        assert outcome.data == {"finish_reason": "SUCCESS", "seed": 42}

    async def test_a_video_is_asked_for_until_it_is_there(
        self, connector: StabilityApi, fake: FakeStability, pauses: Pauses, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        fake.pending = 3
        outcome = await run(connector, VIDEO, tmp_path, inputs)
        assert [(file.name, file.mime_type, content_of(file)) for file in outcome.files] == [
            ("result-1.mp4", "video/mp4", MP4)
        ]
        (asked,) = fake.asked
        assert asked.fields == {
            "image": ("image.jpg", "image/jpeg", JPEG),
            "motion_bucket_id": "40",
            "cfg_scale": "1.8",
        }
        assert pauses.seconds == [10] * 4


class TestPolling:
    async def test_looks_may_fail_now_and_then(
        self, connector: StabilityApi, fake: FakeStability, pauses: Pauses, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        faults = ["drop", "half", "500", "429", ""]

        def change(number: int) -> None:
            fake.fault, fake.at = faults[min(number, len(faults)) - 1], "/result"

        pauses.then = change
        assert (await run(connector, VIDEO, tmp_path, inputs)).files
        assert len(fake.asked) == 1, "work that goes on must not be started, and paid for, again"
        assert pauses.seconds == [10] * 5

    async def test_the_services_wish_is_heeded(
        self, connector: StabilityApi, fake: FakeStability, pauses: Pauses, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        fake.retry_after = 40

        def change(number: int) -> None:
            fake.fault, fake.at = ("429", "/results/") if number == 1 else ("", "")

        pauses.then = change
        await run(connector, CREATIVE, tmp_path, inputs)
        assert pauses.seconds == [10, 40, 10]

    async def test_the_next_attempt_asks_for_what_was_started(
        self, connector: StabilityApi, fake: FakeStability, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        fake.pending, context = 1, RecordingContext(tmp_path, inputs)
        fake.fault, fake.at = "500", "/result/"
        with pytest.raises(RetryableError):
            await connector.run(make_ticket("stability_api", VIDEO), context)
        assert context.remembered == {"id": f"{1:064x}"}
        fake.heal()
        again = RecordingContext(tmp_path, remembered=context.remembered)  # without the input: it is not needed again
        assert (await connector.run(make_ticket("stability_api", VIDEO), again)).files
        assert len(fake.asked) == 1, "it was started, and paid for, twice"

    @pytest.mark.parametrize("odd", [{}, {"id": 5}, {"id": "../x"}, {"params": {"id": "a"}}])
    async def test_what_another_connector_remembered_is_not_taken(
        self, connector: StabilityApi, fake: FakeStability, inputs: Mapping[str, Path], tmp_path: Path, odd: Any
    ) -> None:
        context = RecordingContext(tmp_path, inputs, remembered=odd)
        assert (await connector.run(make_ticket("stability_api", VIDEO), context)).files
        assert len(fake.asked) == 1

    async def test_work_that_a_restart_lost_is_started_anew_by_the_queue(
        self, connector: StabilityApi, fake: FakeStability, pauses: Pauses, inputs: Mapping[str, Path], tmp_path: Path
    ) -> None:
        fake.pending = 5
        pauses.then = lambda number: fake.started.clear() if number == 3 else None
        context = RecordingContext(tmp_path, inputs)
        with pytest.raises(RetryableError, match="does not know the work any more"):
            await connector.run(make_ticket("stability_api", VIDEO), context)
        assert len(pauses.seconds) == 3
        assert context.remembered is None


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
