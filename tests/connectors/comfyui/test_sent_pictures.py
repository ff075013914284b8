"""Pictures that ``SaveImageWebsocket`` sends instead of storing them are results, and none is missed in silence."""

from pathlib import Path

import pytest
from tests.connectors.comfyui.rig import PNG, begin, make, node, picture, run
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.comfyui_run import Prompt, send_picture

from emprops.connectors.base import FinalError, RetryableError
from emprops.connectors.comfyui import events
from emprops.connectors.comfyui.connector import ComfyUI, Patience
from emprops.queue.bounds import MAX_FILES
from emprops.settings import Settings

SENT = {"1": node("KSampler", steps=2), "2": node("SaveImageWebsocket", images=["1", 0], batch=2)}


@pytest.mark.parametrize("old", [False, True])
async def test_every_picture_that_is_sent_is_a_result(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    context = RecordingContext(tmp_path)
    outcome = await connector.run(make_ticket("comfyui", {"workflow": SENT}), context)
    assert [(file.node, file.name, file.mime_type, file.width) for file in outcome.files] == [
        ("2", "SaveImageWebsocket_00001.png", "image/png", 8),
        ("2", "SaveImageWebsocket_00002.png", "image/png", 8),
    ]
    assert [content_of(file) for file in outcome.files] == [PNG, PNG]
    assert {node for _, _, node in context.previews} == {"" if old else "1"}, "previews are still previews"


async def test_sent_and_stored_pictures_come_in_the_order_of_the_graph(connector: ComfyUI, tmp_path: Path) -> None:
    content = {"5": node("SaveImage"), "6": node("SaveImageWebsocket"), "7": node("SaveImage")}
    assert [file.node for file in (await run(connector, content, tmp_path)).files] == ["5", "6", "7"]


async def test_they_are_results_where_nobody_sees_previews(connector: ComfyUI, tmp_path: Path) -> None:
    assert len((await run(connector, SENT, tmp_path, shows_previews=False)).files) == 2


async def test_pictures_that_were_missed_are_made_again(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    running = begin(connector, {"1": node("Gate"), "2": node("SaveImageWebsocket", images=["1", 0])}, tmp_path)
    await comfy.at_gate.wait()
    comfy.drop_sockets()
    comfy.gate.set()
    with pytest.raises(RetryableError, match="were missed") as caught:
        await running
    assert caught.value.details == {"code": "pictures_missed", "node_id": "2", "class_type": "SaveImageWebsocket"}


async def test_a_socket_that_stays_silent_does_not_pass_for_a_graph_without_pictures(
    comfy: FakeComfyUI, tmp_path: Path
) -> None:
    comfy.mute = True
    connector = make(comfy, patience=Patience(quiet=0.02))
    with pytest.raises(RetryableError, match="were missed"):
        await run(connector, SENT, tmp_path)
    await connector.close()


async def test_pictures_of_other_prompts_are_no_results(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    running = begin(connector, {"1": node("Gate"), "2": node("SaveImageWebsocket", images=["1", 0])}, tmp_path)
    await comfy.at_gate.wait()
    foreign = Prompt(1, "another-prompt", {}, {"client_id": next(iter(comfy.sockets))})
    await send_picture(comfy, foreign, "2", picture("PNG", (1, 1)))
    comfy.gate.set()
    assert [content_of(file) for file in (await running).files] == [PNG]


async def test_a_branch_that_sends_nothing_is_not_waited_for(connector: ComfyUI, tmp_path: Path) -> None:
    content = {"1": node("Block", message=""), "2": node("SaveImageWebsocket", images=["1", 0]), "3": node("SaveImage")}
    assert [file.node for file in (await run(connector, content, tmp_path)).files] == ["3"]


async def test_more_pictures_than_are_taken_are_refused(connector: ComfyUI, tmp_path: Path) -> None:
    with pytest.raises(FinalError, match=f"more than {MAX_FILES} pictures"):
        await run(connector, {"2": node("SaveImageWebsocket", batch=MAX_FILES + 1)}, tmp_path)


async def test_a_picture_larger_than_the_worker_takes_is_refused(comfy: FakeComfyUI, tmp_path: Path) -> None:
    connector = ComfyUI(Settings(comfyui_url=comfy.base, max_result_bytes=len(PNG) - 1))
    with pytest.raises(FinalError, match="larger than"):
        await run(connector, SENT, tmp_path)
    await connector.close()


async def test_a_picture_larger_than_a_message_may_be_is_not_asked_for_again(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emprops.connectors.comfyui.connector.MAX_SENT_BYTES", 10_000)
    monkeypatch.setitem(comfy.pictures, ".png", PNG + bytes(20_000))
    with pytest.raises(FinalError, match="store it with SaveImage"):
        await run(connector, SENT, tmp_path, shows_previews=False)
    assert events.MAX_MESSAGE_BYTES > 10_000
