"""The contract of connectors, kept by the OpenAI connector."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import Bad, ConnectorContract, Sample
from tests.connectors.faults import FaultContract, Step
from tests.connectors.openai.rig import CHAT, IMAGE, SOURCE
from tests.fakes.openai import KEY, FakeOpenAI

from emprops.connectors.openai.connector import OpenAI


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
