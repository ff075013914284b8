"""ComfyUI writes Python's JSON: NaN, Infinity, huge integers and half characters spoil nothing but themselves."""

import math
from pathlib import Path

import pytest
from tests.connectors.comfyui.rig import PNG, failure, graph, make, node, run
from tests.connectors.contract import content_of
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.http_api import Reply

from emprops.connectors.base import BadInputError, FinalError, RetryableError
from emprops.connectors.comfyui.catalogue import unpack
from emprops.connectors.comfyui.connector import ComfyUI, Patience
from emprops.connectors.comfyui.events import Event, Preview, parse

ODD = graph(n2=node("Odd", level=0.5, count=3))


async def test_a_finished_picture_beside_odd_values_is_a_result(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    outcome = await run(connector, ODD, tmp_path)
    assert [content_of(file) for file in outcome.files] == [PNG]
    assert outcome.data == {"text": "caf\ufffd\nna😀ive"}
    assert comfy.paths().count("/prompt") == 1


async def test_a_machine_with_odd_classes_keeps_its_place(connector: ComfyUI) -> None:
    found = await connector.capabilities()
    assert "Odd" in (found.custom_nodes or ())
    level, count = unpack(found.catalogue)["Odd"].inputs
    assert (level.default, count.default) == (None, None)


async def test_a_refusal_with_odd_values_is_read(connector: ComfyUI, tmp_path: Path) -> None:
    error = await failure(connector, {"2": node("Odd", level=math.pi, count=0)}, tmp_path)
    assert isinstance(error, BadInputError)
    assert "Value 0 smaller than min of 1" in error.message


async def test_a_failure_with_odd_values_is_read_from_events_and_history(comfy: FakeComfyUI, tmp_path: Path) -> None:
    comfy.boom = "no file caf\udce9.png"
    for muted in (False, True):
        comfy.mute = muted
        impatient = make(comfy, patience=Patience(quiet=0.05))
        error = await failure(impatient, graph(n2=node("Boom", type="ValueError")), tmp_path)
        await impatient.close()
        assert isinstance(error, FinalError)
        assert error.message == "Node 2 (Boom) failed: no file caf\ufffd.png."


@pytest.mark.parametrize("name", ["caf\udce9.png", "\udcff/fox.png"])
async def test_a_file_whose_name_cannot_be_said_is_named_and_not_tried_again(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, name: str
) -> None:
    comfy.ui = {"images": [{"filename": name.rpartition("/")[2], "subfolder": name.rpartition("/")[0]}]}
    error = await failure(connector, {"1": node("Show", ui="")}, tmp_path)
    assert isinstance(error, FinalError)
    assert "broken character" in error.message
    assert "/free" not in comfy.paths()


def test_odd_events_are_read() -> None:
    assert parse('{"type": "progress", "data": {"value": NaN, "max": 1e999, "node": "\\ud800"}}') == Event(
        "progress", {"value": None, "max": None, "node": "\ufffd"}
    )
    metadata = b'{"node_id": "2", "step": NaN, "image_type": "image/png"}'
    assert parse(b"\0\0\0\x04" + len(metadata).to_bytes(4, "big") + metadata + PNG) == Preview(PNG, "image/png", "2")


async def test_no_json_at_all_is_still_no_comfyui(connector: ComfyUI, comfy: FakeComfyUI) -> None:
    comfy.replies["/object_info"] = [Reply(body=b"NaN"), Reply(body=b"{'a': 1}")]
    for _ in range(2):
        with pytest.raises(RetryableError, match="does not speak like ComfyUI"):
            await connector.capabilities()
