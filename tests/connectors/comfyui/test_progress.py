"""Events and previews of ComfyUI, as a run shows them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.comfyui.rig import GATED, PNG, graph, node, run
from tests.connectors.contract import RecordingContext, make_ticket
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.comfyui_run import Prompt, send_picture

from emprops.connectors.comfyui.connector import ComfyUI
from emprops.connectors.comfyui.events import Event, Preview, parse
from emprops.connectors.comfyui.meter import Meter, read_message


async def test_nodes_make_up_the_whole(connector: ComfyUI, tmp_path: Path) -> None:
    context = RecordingContext(tmp_path)
    content = graph(n2=node("KSampler", "Paint", steps=4))
    await connector.run(make_ticket("comfyui", {"workflow": content}), context)
    assert next(message for _, message in context.seen if message.startswith("Paint ")) == "Paint 1/4"
    halfway = next(percent for percent, message in context.seen if message == "Paint 2/4")
    assert halfway == pytest.approx(95 * 1.5 / 3)
    assert context.seen[-1] == (100.0, "")


@pytest.mark.parametrize(("old", "expected"), [(False, "2"), (True, "")])
async def test_previews_are_shown(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool, expected: str
) -> None:
    comfy.old = old
    context = RecordingContext(tmp_path)
    content = graph(n2=node("KSampler", steps=50))
    await connector.run(make_ticket("comfyui", {"workflow": content}), context)
    assert set(context.previews) == {(PNG, "image/png", expected)}


async def test_previews_of_other_prompts_are_not_shown(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    context = RecordingContext(tmp_path)
    running = asyncio.create_task(connector.run(make_ticket("comfyui", {"workflow": GATED}), context))
    await comfy.at_gate.wait()
    foreign = Prompt(1, "another-prompt", {}, {"client_id": next(iter(comfy.sockets))})
    await send_picture(comfy, foreign, "2", PNG)
    comfy.gate.set()
    await running
    assert context.previews == []


async def test_previews_are_not_asked_for_when_nobody_sees_them(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    await run(connector, graph(), tmp_path, shows_previews=False)
    assert "preview_method" not in comfy.bodies("/prompt")[0]["extra_data"]


def test_what_a_node_says_while_it_runs_is_the_message() -> None:
    said = parse(b"\0\0\0\x03\0\0\0\x012Status: queued")
    assert said == Event("progress_text", {"node": "2", "text": "Status: queued"})
    meter = Meter(graph(n2=node("KSampler", "Paint")))
    assert meter.tell(said)
    assert meter.message == "Paint: Status: queued"


def test_cached_nodes_count_and_nothing_exceeds_the_end() -> None:
    meter = Meter(graph(n2=node("KSampler"), n3=node("Gate")))
    assert meter.tell(Event("execution_cached", {"nodes": ["1", "77", 5]}))
    assert meter.percent == pytest.approx(95 / 4)
    meter.tell(Event("progress", {"node": "2", "value": 9, "max": 3}))
    assert meter.percent == pytest.approx(95 / 2)
    meter.tell(Event("executing", {"node": "3.0.1"}))
    for name in ("3", "9", "99"):
        meter.tell(Event("executed", {"node": name}))
    assert meter.percent == pytest.approx(95)


@pytest.mark.parametrize(
    "data",
    [{}, {"node": 7, "value": "x", "max": None}, {"nodes": [None]}, {"nodes": {"2": 3}}, {"node": "2", "max": 0}],
)
@pytest.mark.parametrize("kind", ["progress", "progress_state", "executing", "executed", "execution_cached"])
def test_odd_events_do_no_harm(kind: str, data: Mapping[str, Any]) -> None:
    meter = Meter(graph(n2=node("KSampler")))
    meter.tell(Event(kind, dict(data)))
    assert 0 <= meter.percent <= 95


@pytest.mark.parametrize(
    "frame", [b"", b"\0" * 8, b"\0\0\0\x01\0\0\0\x09abc", b"\0\0\0\x04\xff\xff\xff\xff{}", "no json", "[]", "{}"]
)
def test_odd_frames_are_passed_over(frame: str | bytes) -> None:
    assert parse(frame) is None


def test_a_preview_without_metadata() -> None:
    assert parse(b"\0\0\0\x01\0\0\0\x01jpeg") == Preview(b"jpeg", "image/jpeg")


def test_a_message_says_which_node_it_is_about() -> None:
    content = {
        "1": node("KSampler", "Sample 2/3"),
        "2": node("KSampler"),
        "3": node("KSampler"),
        "4": node("VAEDecode"),
    }
    assert read_message(content, "Sample 2/3 7/20") == ("1", 7, 20)
    assert read_message(content, "VAEDecode") == ("4", None, None)
    assert read_message(content, "KSampler 1/2") == (None, 1, 2), "it may be either"
    assert read_message(content, "Preparing") == (None, None, None)
