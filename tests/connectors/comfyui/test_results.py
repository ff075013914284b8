"""What a ComfyUI graph stored comes back: every kind, of every node, once."""

from pathlib import Path

import pytest
from tests.connectors.comfyui.rig import PNG, at_once, failure, graph, node, picture, run
from tests.connectors.contract import content_of
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.http_api import Reply

from emprops.connectors.base import FinalError, RetryableError
from emprops.connectors.comfyui.connector import ComfyUI
from emprops.connectors.comfyui.outputs import type_of
from emprops.settings import Settings


async def test_every_kind_of_every_node_comes_once_and_temporary_ones_never(connector: ComfyUI, tmp_path: Path) -> None:
    content = {
        "5": node("SaveImage", batch=2),
        "6": node("PreviewImage"),
        "7": node("VHS_VideoCombine"),
        "8": node("SaveAudio"),
        "10": node("SaveImage"),
        "11": node("ShowText", text="a red fox"),
        "12": node("ShowText", text="a blue fox"),
    }
    outcome = await run(connector, content, tmp_path)
    assert [(file.node, file.mime_type, file.name) for file in outcome.files] == [
        ("5", "image/png", "img_5_00001_.png"),
        ("5", "image/png", "img_5_00002_.png"),
        ("7", "image/gif", "clip_7.gif"),
        ("8", "audio/x-wav", "made_8.wav"),
        ("10", "image/png", "img_10_00001_.png"),
    ]
    assert content_of(outcome.files[0]) == PNG
    assert (outcome.files[0].width, outcome.files[0].height) == (8, 6)
    assert outcome.files[3].width is None
    assert outcome.data == {"text": "a red fox\na blue fox"}


async def test_text_alone_is_a_result(connector: ComfyUI, tmp_path: Path) -> None:
    outcome = await run(connector, {"1": node("ShowText", text="a fox")}, tmp_path)
    assert outcome.data == {"text": "a fox"}
    assert not outcome.files


async def test_long_text_is_a_file(connector: ComfyUI, tmp_path: Path) -> None:
    text = "fox " * 50_000
    outcome = await run(connector, {"1": node("ShowText", text=text)}, tmp_path)
    assert [content_of(file).decode() for file in outcome.files] == [text]
    assert not outcome.data


async def test_a_graph_that_stores_nothing_fails(connector: ComfyUI, tmp_path: Path) -> None:
    error = await failure(connector, {"1": node("PreviewImage")}, tmp_path)
    assert isinstance(error, FinalError)
    assert "SaveImage" in error.message


async def test_a_file_of_any_size_is_streamed_up_to_the_limit(comfy: FakeComfyUI, tmp_path: Path) -> None:
    comfy.files["", "img_9_00001_.png"] = 64 * 1024 * 1024
    connector = ComfyUI(Settings(comfyui_url=comfy.base, max_result_bytes=1024 * 1024), pause=at_once)
    error = await failure(connector, graph(), tmp_path)
    await connector.close()
    assert isinstance(error, FinalError)
    assert "larger than the 1048576 bytes" in error.message
    assert (tmp_path / "output-1").stat().st_size <= 1024 * 1024


async def test_a_wrong_content_type_is_not_believed(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    comfy.content_types["img_9_00001_.png"] = "text/plain"
    outcome = await run(connector, graph(), tmp_path)
    assert outcome.files[0].mime_type == "image/png"


async def test_half_a_file_is_fetched_again(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    comfy.replies["/view"] = [Reply(fault="cut"), Reply(500)]
    outcome = await run(connector, graph(), tmp_path)
    assert content_of(outcome.files[0]) == PNG
    assert comfy.paths().count("/view") == 3


async def test_a_file_that_somebody_removed_is_made_anew_at_the_next_try(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    await run(connector, graph(), tmp_path)
    comfy.files.clear()
    error = await failure(connector, graph(), tmp_path)
    assert isinstance(error, RetryableError)
    assert error.details == {"code": "output_gone"}
    assert len((await run(connector, graph(), tmp_path)).files) == 1


async def test_an_error_page_is_no_picture(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    comfy.replies["/view"] = [Reply(body=b"<!DOCTYPE html><p>Bad gateway", mime_type="text/html")]
    error = await failure(connector, graph(), tmp_path)
    assert isinstance(error, RetryableError)
    assert "web page" in error.message


@pytest.mark.parametrize(
    ("name", "content", "said", "expected"),
    [
        ("a.png", PNG, "text/plain", "image/png"),
        ("a.png", picture("JPEG"), "image/png", "image/jpeg"),
        ("a", PNG, "", "image/png"),
        ("a.m4a", b"\0\0\0\x1cftypM4A \0\0\x02\0M4A isomiso2", "application/octet-stream", "audio/mp4"),
        ("a.mkv", b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x84webm", "", "video/x-matroska"),
        ("a.xyzzy", b"\x01\x02\x03", "", "application/octet-stream"),
    ],
)
def test_types(name: str, content: bytes, said: str, expected: str) -> None:
    assert type_of(name, content, said) == expected
