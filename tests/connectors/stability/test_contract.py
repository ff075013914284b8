"""The contract of connectors, kept by the Stability connector."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.connectors.contract import Bad, ConnectorContract, Sample
from tests.connectors.faults import FaultContract, Step
from tests.connectors.stability.rig import CREATIVE, FAST, PICTURE, SOURCE, TEXT, VIDEO
from tests.fakes.faults import Faulty
from tests.fakes.stability import KEY, FakeStability

from emprops.connectors.stability.connector import StabilityApi


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
