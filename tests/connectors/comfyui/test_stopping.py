"""Stopping a run stops exactly its own prompt in ComfyUI."""

import asyncio
from pathlib import Path

import pytest
from tests.connectors.comfyui.rig import GATED, begin, failure, graph, make, node
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.http_api import Reply

from emprops.connectors.base import RetryableError
from emprops.connectors.comfyui.connector import ComfyUI, Patience


@pytest.mark.parametrize("old", [False, True])
async def test_a_running_prompt_is_interrupted_and_the_next_is_not(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    ours = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    comfy.queued.clear()
    others = begin(connector, graph(), tmp_path)
    await comfy.queued.wait()
    ours.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ours
    assert len((await others).files) == 1
    assert ("/interrupt" in comfy.paths()) is old, "newer ones look and cancel in one step"
    ended = [entry["status"]["status_str"] for entry in comfy.history.values()]
    assert ended == ["error", "success"]


@pytest.mark.parametrize("old", [False, True])
async def test_a_waiting_prompt_is_removed_and_the_running_one_is_not(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    others = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    comfy.queued.clear()
    ours = begin(connector, graph(), tmp_path)
    await comfy.queued.wait()
    ours.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ours
    assert not comfy.pending
    comfy.gate.set()
    assert len((await others).files) == 1
    assert len(comfy.history) == 1


@pytest.mark.parametrize("old", [False, True])
async def test_a_prompt_whose_submission_is_under_way_is_removed_too(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    comfy.replies["/prompt"] = [Reply(fault="hold")]
    running = begin(connector, GATED, tmp_path)
    await comfy.held.wait()
    running.cancel()
    comfy.release.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    await comfy.idle.wait()
    assert [entry["status"]["status_str"] for entry in comfy.history.values()] in (["error"], [])
    assert not comfy.gate.is_set()


async def test_nothing_is_interrupted_once_the_prompt_has_ended(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    comfy.old = True
    await failure(connector, graph(n2=node("Boom", type="ValueError")), tmp_path)
    assert "/interrupt" not in comfy.paths()


async def test_an_interruption_by_somebody_else_may_be_tried_again(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    comfy.interrupted.set()
    with pytest.raises(RetryableError, match="interrupted") as caught:
        await running
    assert caught.value.details["node_id"] == "2"


@pytest.mark.parametrize("old", [False, True])
async def test_a_machine_that_does_not_stop_is_out_of_service_until_it_does(
    comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    connector = make(comfy, patience=Patience(stuck=0.0))
    running = begin(connector, graph(n2=node("Stubborn")), tmp_path)
    await comfy.at_gate.wait()
    assert (await connector.capabilities()).custom_nodes
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for _ in range(2):
        with pytest.raises(RetryableError, match="told to stop"):
            await connector.capabilities()
    comfy.gate.set()
    await comfy.idle.wait()
    assert (await connector.capabilities()).custom_nodes
    await connector.close()


async def test_a_machine_has_a_while_to_stop(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    running = begin(connector, graph(n2=node("Stubborn")), tmp_path)
    await comfy.at_gate.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await connector.capabilities()).custom_nodes
    comfy.gate.set()
