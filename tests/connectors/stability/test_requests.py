"""The Stability connector: what it sends, and how it waits for results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.connectors.stability.rig import CREATIVE, FAST, PICTURE, TEXT, VIDEO, Pauses, run
from tests.fakes.pictures import JPEG, MP4, PNG
from tests.fakes.stability import GENERATE, UPSCALE, FakeStability

from emprops.connectors.base import RetryableError
from emprops.connectors.stability.connector import StabilityApi


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
