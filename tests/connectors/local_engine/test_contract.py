"""The local engine keeps the contract of every connector."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import Bad, ConnectorContract, Sample
from tests.connectors.local_engine.helpers import (
    BIGGER,
    BIGGEST,
    BOMB,
    BROKEN,
    CLEAR,
    FAKE,
    LARGE,
    PHOTO,
)

from emprops.connectors.local_engine.connector import LocalEngine


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self) -> LocalEngine:
        return LocalEngine()

    @pytest.fixture
    def inputs(self, pictures: Mapping[str, Path]) -> Mapping[str, Path]:
        return pictures

    @pytest.fixture
    def slow(self) -> Sample:
        return Sample("local_image", {"prompt": "x", "seed": 1, "style": "bloom", "width": 512, "height": 512})

    @pytest.fixture
    def samples(self) -> list[Sample]:
        return [
            Sample("local_image", {"width": 256, "height": 256, "unknown": ["ignored"]}),
            Sample(
                "local_image", {"prompt": "tea", "width": "256", "height": 256.0, "style": "Flow Field", "seed": "7"}
            ),
            Sample("local_video", {"image": PHOTO, "duration": "1s", "fps": 12}),
            Sample("local_video", {"image": {"url": CLEAR}, "duration": 1, "fps": 12, "motion": "zoom-out"}),
            Sample("local_upscale", {"image": PHOTO}),
            Sample("local_text", {"topic": "tea"}),
        ]

    @pytest.fixture
    def bad(self) -> list[Bad]:
        def table(job_type: str, base: dict[str, Any], *rows: tuple[str, Any]) -> list[Bad]:
            return [Bad(job_type, {**base, name: value}, name) for name, value in rows]

        image = table(
            "local_image", {},
            ("prompt", ["no"]), ("prompt", "x" * 10_001), ("seed", -1), ("seed", 2**64), ("seed", "abc"),
            ("seed", True),
            ("width", 255), ("width", 2056), ("width", 260), ("width", 512.5), ("height", "tall"), ("height", {}),
            ("style", "cubism"), ("style", 3), ("lettering", "loud"), ("lettering", 1),
            ("palette", "mud"), ("palette", ["#fff"]), ("palette", ["#fff", "red"]),
            ("palette", ["#fff", 3]), ("palette", ["#fff"] * 9), ("palette", {}),
        )  # fmt: skip
        video = table(
            "local_video", {"image": PHOTO},
            ("image", None), ("image", ""), ("image", 7), ("image", "http://files/none.png"), ("image", BROKEN),
            ("image", FAKE), ("image", BOMB), ("duration", 0.5), ("duration", "11s"), ("duration", "5m"),
            ("duration", float("nan")), ("duration", 10**400), ("duration", True), ("fps", 11), ("fps", 31),
            ("motion", "spin"), ("aspect_ratio", "5:4"),
        )  # fmt: skip
        upscale = table(
            "local_upscale", {"image": PHOTO},
            ("image", None), ("image", BOMB), ("image", BIGGER), ("image", BIGGEST),
            ("image", FAKE), ("image", BROKEN), ("image", LARGE),
            ("factor", 3), ("factor", 1), ("factor", "huge"), ("factor", 2.5), ("factor", []),
        )  # fmt: skip
        text = table(
            "local_text", {"topic": "tea"},
            ("topic", " "), ("topic", {}), ("tone", "rude"), ("sentences", 0), ("sentences", 13), ("seed", "x"),
        )  # fmt: skip
        return [*image, *video, *upscale, *text, Bad("local_text", {}, "topic"), Bad("other", {}, "other")]
