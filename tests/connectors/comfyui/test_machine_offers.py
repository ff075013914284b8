"""What a ComfyUI machine has, and whether it is there."""

import pytest
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.http_api import Reply

from emprops.connectors.base import RetryableError
from emprops.connectors.comfyui.connector import ComfyUI
from emprops.connectors.registry import load_connectors
from emprops.queue.matching import Offer, missing
from emprops.settings import Settings, SettingsError


async def test_a_worker_knows_what_the_machine_has(connector: ComfyUI) -> None:
    found = await connector.capabilities()
    offer = Offer(frozenset(found.models or ()), frozenset(found.custom_nodes or ()))
    wanted = {
        "job_type": "comfyui",
        "models": ["sd15.safetensors", "base.safetensors", "xl/base.safetensors", "fox.safetensors"],
        "custom_nodes": ["ComfyUI-VideoHelperSuite", "VHS_VideoCombine", "KSampler"],
    }
    assert missing(wanted, {"comfyui": offer}) == []
    more = wanted | {"models": ["cat.safetensors"], "custom_nodes": ["FaceDetailer"]}
    assert missing(more, {"comfyui": offer}) == ["model cat.safetensors", "custom node FaceDetailer"]


async def test_what_is_known_is_read_again_only_when_it_is_old_or_the_server_was_away(
    connector: ComfyUI, comfy: FakeComfyUI
) -> None:
    first = await connector.capabilities()
    assert await connector.capabilities() == first
    assert comfy.paths() == ["/object_info", "/prompt"]
    comfy.replies["/prompt"] = [Reply(503)]
    with pytest.raises(RetryableError):
        await connector.capabilities()
    assert await connector.capabilities() == first
    assert comfy.paths().count("/object_info") == 2


async def test_it_says_which_version_is_there(connector: ComfyUI) -> None:
    health = await connector.check()
    assert "0.3.99" in health.message


def test_it_is_left_out_without_an_address() -> None:
    assert not ComfyUI.configured(Settings())
    assert "comfyui" not in {connector.name for connector in load_connectors(Settings())}


@pytest.mark.parametrize("url", ["127.0.0.1:8188", "ftp://x", "http://", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="EMPROPS_COMFYUI_URL"):
        ComfyUI(Settings(comfyui_url=url))
