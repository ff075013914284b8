"""The ComfyUI connector keeps the contract of connectors, and lives through every fault of its server."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from tests.connectors.comfyui.rig import SOURCE, at_once, graph, node
from tests.connectors.contract import Bad, ConnectorContract, Sample
from tests.connectors.faults import End, FaultContract, Step
from tests.fakes.comfyui import FakeComfyUI

from emprops.connectors.comfyui.connector import ComfyUI, Patience
from emprops.settings import Settings


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, connector: ComfyUI) -> ComfyUI:  # type: ignore[override]
        return connector

    @pytest.fixture
    def samples(self) -> list[Sample]:
        everything = graph(n2=node("KSampler", steps=5), n3=node("ShowText", text="a fox"), n4=node("VHS_VideoCombine"))
        return [Sample("comfyui", {"workflow": everything})]

    @pytest.fixture
    def bad(self) -> list[Bad]:
        editor = {"nodes": [], "links": []}
        refused = graph(n2=node("KSampler"))
        return [
            Bad("comfyui", {}, "workflow"),
            Bad("comfyui", {"workflow": editor}, "class_type"),
            Bad("comfyui", {"workflow": {"1": {"class_type": 7}}}, "node 1"),
            Bad("comfyui", {"workflow": refused}, "steps"),
            Bad("comfyui", {"workflow": {"1": node("Gate")}}, "no outputs"),
        ]

    @pytest.fixture
    def slow(self) -> Sample:
        return Sample("comfyui", {"workflow": graph(n2=node("KSampler", steps=60))})


class TestFaults(FaultContract):
    @pytest.fixture
    async def connector(  # type: ignore[override]
        self, comfy: FakeComfyUI, request: pytest.FixtureRequest
    ) -> AsyncIterator[ComfyUI]:
        fault = request.node.name
        limit = 1024 * 1024 if "[gigantic]" in fault else 1024**3
        made = ComfyUI(
            Settings(comfyui_url=comfy.base, max_result_bytes=limit),
            patience=Patience(away=0.0, late=0.0, answer=0.3 if "[slow]" in fault else 30.0),
            max_answer_bytes=1024 * 1024,
            pause=at_once,
        )
        yield made
        await made.close()

    @pytest.fixture
    def service(self, comfy: FakeComfyUI) -> FakeComfyUI:
        return comfy

    @pytest.fixture
    def inputs(self, tmp_path: Path) -> Mapping[str, Path]:
        source = tmp_path / "source.png"
        source.write_bytes(SOURCE)
        return {"/files/a.png": source}

    @pytest.fixture
    def key(self) -> str:
        return "ComfyUI has none"

    @pytest.fixture
    def steps(self) -> list[Step]:
        sample = Sample("comfyui", {"workflow": graph(n2=node("LoadImage", image="/files/a.png"))})
        # What answers in its place is a machine that starts, or a gateway before it: ComfyUI itself will be back.
        passing: dict[str, End] = {"wrong_type": "retryable", "html_200": "retryable"}
        forgets_nothing: dict[str, End] = passing | {"restart": "survived"}
        # Whether the graph was queued although the answer broke off can be asked.
        asked: dict[str, End] = forgets_nothing | {"half": "survived", "drop": "survived"}
        return [
            Step(sample, "/upload/image", forgets_nothing),
            Step(sample, "/prompt", asked),
            Step(sample, "/queue", passing),
            Step(sample, "/history/", passing),
            Step(sample, "/view", forgets_nothing),
        ]

    @pytest.fixture
    def large(self, steps: list[Step]) -> Step:
        return steps[-1]
