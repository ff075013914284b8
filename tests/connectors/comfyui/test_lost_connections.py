"""A run outlives lost connections to its ComfyUI."""

import asyncio
from pathlib import Path

import pytest
from tests.connectors.comfyui.rig import GATED, begin, graph, make, run
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.http_api import Reply

from emprops.connectors.base import RetryableError
from emprops.connectors.comfyui.connector import ComfyUI, Patience


async def test_a_dropped_socket_is_opened_again_and_the_run_goes_on(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    comfy.drop_sockets()
    await comfy.connected.wait()
    comfy.gate.set()
    assert len((await running).files) == 1
    assert comfy.connections == 2


async def test_what_ended_while_nobody_listened_is_found_in_the_history(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    comfy.deaf = True
    comfy.drop_sockets()
    comfy.gate.set()
    assert len((await running).files) == 1


async def test_a_server_without_events_is_asked(comfy: FakeComfyUI, tmp_path: Path) -> None:
    comfy.mute = True
    connector = make(comfy, patience=Patience(quiet=0.01))
    assert len((await run(connector, graph(), tmp_path)).files) == 1
    await connector.close()


async def test_a_restart_forgets_the_prompt_which_may_be_tried_again(comfy: FakeComfyUI, tmp_path: Path) -> None:
    connector = make(comfy, patience=Patience(late=0.0))
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    await comfy.restart()
    with pytest.raises(RetryableError, match="restarted") as caught:
        await running
    assert caught.value.details == {"code": "prompt_lost"}
    await connector.close()


@pytest.mark.parametrize("where", ["queue", "nowhere"])
@pytest.mark.parametrize("mute", [False, True])
async def test_history_that_comes_late_is_waited_for(
    comfy: FakeComfyUI, tmp_path: Path, where: str, *, mute: bool
) -> None:
    comfy.late, comfy.mute = where, mute
    connector = make(comfy, patience=Patience(quiet=0.01, late=60.0))
    running = begin(connector, graph(), tmp_path)
    await comfy.held.wait()
    for _ in range(3):
        comfy.looked_for.clear()
        await comfy.looked_for.wait()
    comfy.release.set()
    assert len((await running).files) == 1
    await connector.close()


async def test_news_of_other_prompts_do_not_keep_it_from_looking(comfy: FakeComfyUI, tmp_path: Path) -> None:
    connector = make(comfy, patience=Patience(quiet=0.05))
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    told = asyncio.create_task(comfy.tell_all("status", {"status": {"exec_info": {"queue_remaining": 7}}}, every=0.005))
    comfy.looked_for.clear()
    await comfy.looked_for.wait()
    comfy.mute = True
    comfy.gate.set()
    assert len((await running).files) == 1
    told.cancel()
    await connector.close()


async def test_a_short_outage_is_waited_out(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    comfy.replies["/queue"] = [Reply(502), Reply(502)]
    comfy.deaf = True
    comfy.drop_sockets()
    comfy.gate.set()
    assert len((await running).files) == 1


async def test_a_long_outage_is_not(comfy: FakeComfyUI, tmp_path: Path) -> None:
    connector = make(comfy, patience=Patience(away=0.0))
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    comfy.replies["/queue"] = [Reply(502)]
    comfy.drop_sockets()
    with pytest.raises(RetryableError, match="502"):
        await running
    await connector.close()


@pytest.mark.parametrize("old", [False, True])
async def test_a_submission_whose_answer_was_lost_is_not_made_twice(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    comfy.replies["/prompt"] = [Reply(fault="cut")]
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    await comfy.looked_for.wait()
    comfy.gate.set()
    assert len((await running).files) == 1
    assert comfy.paths().count("/prompt") == 1
