"""A graph of which ComfyUI runs a part only: a failure, unless a part is wanted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.comfyui.rig import PNG, begin, make, node, run
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.http_api import Reply

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, Outcome, RetryableError
from emprops.connectors.comfyui.connector import ComfyUI, Patience
from emprops.connectors.comfyui.problems import refusal

HALF = {
    "1": node("KSampler", steps=1),
    "2": node("SaveImage", images=["1", 0]),
    "3": node("KSampler", steps=-5),
    "4": node("SaveImage", images=["3", 0]),
}
"""Half of it is refused."""
BLOCKED = {
    "1": node("Block", message="no faces found"),
    "2": node("SaveImage", images=["1", 0]),
    "3": node("SaveImage"),
}


async def partly(connector: ComfyUI, content: Any, folder: Path) -> Outcome:
    payload = {"workflow": content, "allow_partial": True}
    return await connector.run(make_ticket("comfyui", payload), RecordingContext(folder))


async def test_the_step_fails_with_what_was_refused_and_its_prompt_is_cancelled(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    gated = {"0": node("Gate"), **HALF, "2": node("SaveImage", images=["0", 0])}
    with pytest.raises(BadInputError) as caught:
        await run(connector, gated, tmp_path)
    assert caught.value.message == "ComfyUI refuses node 3 (KSampler): Value -5 smaller than min of 1: steps."
    assert caught.value.details["nodes"][0]["outputs"] == ["4"]
    await comfy.idle.wait()
    assert [entry["status"]["status_str"] for entry in comfy.history.values()] in (["error"], [])
    assert comfy.running is None


@pytest.mark.parametrize("old", [False, True])
async def test_it_is_cancelled_beside_the_prompts_of_others(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    others = begin(connector, {"1": node("Gate"), "2": node("SaveImage", images=["1", 0])}, tmp_path)
    await comfy.at_gate.wait()
    with pytest.raises(BadInputError):
        await run(connector, HALF, tmp_path)
    assert comfy.pending == []
    comfy.gate.set()
    assert len((await others).files) == 1


async def test_a_part_that_is_wanted_is_a_result_that_names_the_rest(connector: ComfyUI, tmp_path: Path) -> None:
    outcome = await partly(connector, HALF, tmp_path)
    assert [(file.node, content_of(file)) for file in outcome.files] == [("2", PNG)]
    reason = "Node 3 (KSampler) was refused: Value -5 smaller than min of 1: steps."
    assert outcome.data == {"missing_nodes": [{"node_id": "4", "class_type": "SaveImage", "reason": reason}]}


async def test_a_part_without_a_file_is_none(connector: ComfyUI, tmp_path: Path) -> None:
    with pytest.raises(FinalError, match="Nothing of the graph was made") as caught:
        await partly(connector, {**HALF, "2": node("PreviewImage", images=["1", 0])}, tmp_path)
    assert caught.value.details["missing_nodes"][0]["node_id"] == "4"


async def test_a_graph_that_is_refused_as_a_whole_is_no_part(connector: ComfyUI, tmp_path: Path) -> None:
    with pytest.raises(BadInputError):
        await partly(connector, {name: HALF[name] for name in ("3", "4")}, tmp_path)


async def test_a_whole_result_names_nothing(connector: ComfyUI, tmp_path: Path) -> None:
    assert (await partly(connector, {name: HALF[name] for name in ("1", "2")}, tmp_path)).data == {}


async def test_a_missing_model_of_one_branch_is_named(connector: ComfyUI, tmp_path: Path) -> None:
    content = {**HALF, "3": node("LoraLoader", lora_name="cat.safetensors")}
    with pytest.raises(FinalError, match=r"cat\.safetensors") as caught:
        await run(connector, content, tmp_path)
    assert caught.value.details["code"] == "missing_model"


async def test_a_branch_that_blocks_itself_fails_the_step(connector: ComfyUI, tmp_path: Path) -> None:
    with pytest.raises(FinalError, match="no faces found"):
        await run(connector, BLOCKED, tmp_path)


async def test_or_is_named_where_a_part_is_wanted(connector: ComfyUI, tmp_path: Path) -> None:
    outcome = await partly(connector, BLOCKED, tmp_path)
    assert [file.node for file in outcome.files] == ["3"]
    (missing,) = outcome.data["missing_nodes"]
    assert (missing["node_id"], missing["class_type"]) == ("2", "SaveImage")
    assert "no faces found" in missing["reason"]


@pytest.mark.parametrize("old", [False, True])
async def test_a_part_whose_answer_was_lost_is_not_taken_for_the_whole(
    comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    connector = make(comfy)
    await connector.capabilities()
    comfy.replies["/prompt"] = [Reply(fault="cut")]
    gated = {"0": node("Gate"), **HALF, "2": node("SaveImage", images=["0", 0])}
    with pytest.raises(RetryableError):
        await run(connector, gated, tmp_path)
    await connector.close()
    await comfy.idle.wait()
    assert all(entry["status"]["status_str"] == "error" for entry in comfy.history.values())


@pytest.mark.parametrize("errors", [["odd"], {"3": "odd"}, {"3": {"errors": 7}}, {"3": {"errors": [None]}}, "odd"])
async def test_odd_node_errors_are_errors_all_the_same(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, errors: Any
) -> None:
    answer = {"prompt_id": "p", "number": 1, "node_errors": errors}
    assert isinstance(refusal(200, answer, HALF), BadInputError)
    comfy.replies["/prompt"] = [Reply(body=answer)]
    with pytest.raises(ConnectorError, match="refuses"):
        await run(connector, HALF, tmp_path)


async def test_a_part_that_is_wanted_may_be_found_in_the_records(comfy: FakeComfyUI, tmp_path: Path) -> None:
    comfy.mute = True
    connector = make(comfy, patience=Patience(quiet=0.01))
    outcome = await asyncio.wait_for(partly(connector, HALF, tmp_path), 30)
    await connector.close()
    assert outcome.data["missing_nodes"][0]["node_id"] == "4"
