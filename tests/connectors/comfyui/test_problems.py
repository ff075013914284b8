"""Refusals and failures of ComfyUI are told with node and class."""

from pathlib import Path
from typing import Any

import pytest
from tests.connectors.comfyui.rig import GATED, at_once, begin, failure, graph, node
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.comfyui_run import Prompt
from tests.fakes.http_api import Reply

from emprops.connectors.base import FinalError, RetryableError
from emprops.connectors.comfyui.connector import ComfyUI
from emprops.connectors.comfyui.problems import failure as failure_of
from emprops.settings import Settings


@pytest.mark.parametrize("old", [False, True])
async def test_a_missing_node_class_is_named(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
) -> None:
    comfy.old = old
    error = await failure(connector, graph(n2=node("FaceDetailer")), tmp_path)
    assert isinstance(error, FinalError)
    assert error.details == {"code": "missing_node_class", "node_id": "2", "class_type": "FaceDetailer"}
    assert "FaceDetailer" in error.message


@pytest.mark.parametrize(
    ("content", "class_type"),
    [
        (node("LoraLoader", lora_name="cat.safetensors"), "LoraLoader"),
        (node("CheckpointLoaderSimple", ckpt_name="cat.safetensors"), "CheckpointLoaderSimple"),
    ],
)
async def test_a_missing_model_is_named(
    connector: ComfyUI, tmp_path: Path, content: dict[str, Any], class_type: str
) -> None:
    error = await failure(connector, graph(n2=content), tmp_path)
    assert isinstance(error, FinalError)
    assert error.details["code"] == "missing_model"
    assert error.details["model"] == "cat.safetensors"
    assert (error.details["node_id"], error.details["class_type"]) == ("2", class_type)
    assert "sd15" not in f"{error.message} {error.details}", "what else the machine has is not the caller's"


async def test_a_failing_node_is_named(connector: ComfyUI, tmp_path: Path) -> None:
    error = await failure(connector, graph(n2=node("Boom", type="ValueError")), tmp_path)
    assert isinstance(error, FinalError)
    assert error.message == "Node 2 (Boom) failed: it went boom."
    assert error.details == {
        "code": "node_error",
        "node_id": "2",
        "class_type": "Boom",
        "exception_type": "ValueError",
        "exception_message": "it went boom",
    }


async def test_what_happens_to_prompts_of_others_is_no_concern_of_ours(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    # A prompt without a client is told of to everybody.
    running = begin(connector, GATED, tmp_path)
    await comfy.at_gate.wait()
    foreign = Prompt(1, "another-prompt", {}, {"client_id": next(iter(comfy.sockets))})
    for kind in ("execution_interrupted", "execution_error", "execution_success"):
        await comfy.send(foreign, kind, {"node_id": "2", "exception_message": "theirs"})
    await comfy.send(foreign, "progress", {"node": "9", "value": 1, "max": 1})
    comfy.gate.set()
    assert len((await running).files) == 1


async def test_running_out_of_memory_may_be_tried_again(connector: ComfyUI, tmp_path: Path) -> None:
    error = await failure(connector, graph(n2=node("Boom", type="torch.OutOfMemoryError")), tmp_path)
    assert isinstance(error, RetryableError)
    assert error.details["code"] == "out_of_memory"


async def test_a_failure_nobody_was_told_of_is_in_the_history(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    comfy.mute = True
    running = begin(connector, graph(n2=node("Gate"), n3=node("Boom", type="ValueError")), tmp_path)
    await comfy.at_gate.wait()
    comfy.gate.set()
    await comfy.idle.wait()
    comfy.drop_sockets()
    with pytest.raises(FinalError, match=r"Node 3 \(Boom\)"):
        await running


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_may_be_tried_again(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, status: int
) -> None:
    comfy.replies["/prompt"] = [Reply(status, b"<html>", "text/html", {"Retry-After": "7"})]
    error = await failure(connector, graph(), tmp_path)
    assert isinstance(error, RetryableError)
    assert (error.retry_after, error.details["status"]) == (7.0, status)


async def test_a_web_page_is_not_a_comfyui(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    comfy.replies["/prompt"] = [Reply(200, b"<html>Sign in", "text/html")]
    assert isinstance(await failure(connector, graph(), tmp_path), RetryableError)
    comfy.replies["/object_info"] = [Reply(200, b"<html>Sign in", "text/html")]
    with pytest.raises(RetryableError, match="does not speak like ComfyUI"):
        await connector.capabilities()


async def test_a_server_that_is_not_there(tmp_path: Path, unused_tcp_port: int) -> None:
    connector = ComfyUI(Settings(comfyui_url=f"http://127.0.0.1:{unused_tcp_port}"), pause=at_once)
    assert isinstance(await failure(connector, graph(), tmp_path), RetryableError)
    health = await connector.check()
    assert not health.ok
    assert f"127.0.0.1:{unused_tcp_port}" in health.message
    await connector.close()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("torch.OutOfMemoryError", "Allocation on device\n"),
        ("RuntimeError", "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported\n"),
        ("RuntimeError", "HIP out of memory. Tried to allocate 2.00 GiB"),
        ("RuntimeError", "MPS backend out of memory (MPS allocated: 17.95 GB)"),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ("RuntimeError", "level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)"),
        ("RuntimeError", "Could not allocate tensor. There is not enough GPU video memory available!"),
        ("RuntimeError", "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        ("numpy._core._exceptions._ArrayMemoryError", "Unable to allocate 9.31 GiB for an array"),
        ("Exception", "Allocation on device 0 would exceed allowed memory. (out of memory)"),
    ],
)
def test_out_of_memory_is_known_however_it_is_said(kind: str, message: str) -> None:
    error = failure_of({"node_id": "2", "exception_type": kind, "exception_message": message}, {"2": node("KSampler")})
    assert isinstance(error, RetryableError)
    assert (error.details["code"], error.details["node_id"]) == ("out_of_memory", "2")


@pytest.mark.parametrize("message", ["index out of memory bounds", "the memory is empty", "not enough arguments"])
def test_other_failures_are_no_lack_of_memory(message: str) -> None:
    error = failure_of({"exception_type": "RuntimeError", "exception_message": message}, {})
    assert isinstance(error, FinalError)
