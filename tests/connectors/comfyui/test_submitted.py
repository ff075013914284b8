"""What graphs of Comfy API v2 have besides: references to assets, texts that are wanted as files, and keys."""

from pathlib import Path
from typing import Any

import pytest
from tests.connectors.comfyui.rig import SOURCE, failure, graph, node
from tests.connectors.contract import RecordingContext, make_ticket
from tests.fakes.comfyui import FakeComfyUI

from emprops.connectors.base import BadInputError, FinalError, Outcome
from emprops.connectors.comfyui.connector import ComfyUI
from emprops.connectors.comfyui.outputs import MAX_TEXT_BYTES
from emprops.queue.bounds import MAX_FILES


def asset(**info: Any) -> dict[str, Any]:
    return {"__type": "core/ASSET", "info": {"id": "0192f3a4-0000-7000-8000-000000000009", **info}}


async def with_texts(connector: ComfyUI, content: Any, folder: Path) -> Outcome:
    payload = {"workflow": content, "texts": "files"}
    return await connector.run(make_ticket("comfyui", payload), RecordingContext(folder))


async def test_assets_are_uploaded_wherever_they_are_named(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    source = tmp_path / "source.png"
    source.write_bytes(SOURCE)
    fox = asset(url="/files/fox.png", file_path="fox.png")
    context = RecordingContext(tmp_path, {"/files/fox.png": source})
    content = graph(n2=node("Gate", image=fox), n3=node("Gate", deep={"list": [1, fox, {"x": fox}]}))
    comfy.gate.set()
    await connector.run(make_ticket("comfyui", {"workflow": content}), context)
    sent = comfy.bodies("/prompt")[0]["prompt"]
    name = comfy.uploaded_name(SOURCE, ".png")
    assert sent["2"]["inputs"] == {"image": name}
    assert sent["3"]["inputs"] == {"deep": {"list": [1, name, {"x": name}]}}
    assert len(context.fetched) == 1
    assert content["2"]["inputs"]["image"] == fox, "the ticket is needed as it is for another try"


@pytest.mark.parametrize(
    "reference", [asset(), asset(url=7), asset(url="file:///etc/passwd"), {"__type": "core/ASSET"}]
)
async def test_assets_without_a_place_are_bad_input(connector: ComfyUI, tmp_path: Path, reference: Any) -> None:
    error = await failure(connector, graph(n2=node("Gate", image=reference)), tmp_path)
    assert isinstance(error, BadInputError)


async def test_each_text_is_a_file_of_its_node(connector: ComfyUI, tmp_path: Path) -> None:
    long = "x" * MAX_TEXT_BYTES
    content = {"1": node("ShowText", text="hé"), "2": node("ShowText", text=long), "9": node("SaveImage")}
    made = (await with_texts(connector, content, tmp_path)).files
    assert [(file.node, file.name, file.mime_type) for file in made] == [
        ("1", "text_00001_.txt", "text/plain"),
        ("2", "text_00002_.txt", "text/plain"),
        ("9", "img_9_00001_.png", "image/png"),
    ]
    assert [file.content for file in made[:2]] == ["hé".encode(), long.encode()]


async def test_texts_count_as_files(connector: ComfyUI, tmp_path: Path) -> None:
    content = {str(n): node("ShowText", text=f"{n}") for n in range(MAX_FILES + 1)}
    with pytest.raises(FinalError, match=f"at most {MAX_FILES} are taken"):
        await with_texts(connector, content, tmp_path)


async def test_keys_go_to_the_nodes(connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
    keys = {"api_key_comfy_org": "comfyui-3f9a1c77", "auth_token_comfy_org": "x", "preview_method": 7}
    payload = {"workflow": graph(), "extra_data": keys}
    await connector.run(make_ticket("comfyui", payload), RecordingContext(tmp_path))
    sent = comfy.bodies("/prompt")[0]["extra_data"]
    assert sent["api_key_comfy_org"] == "comfyui-3f9a1c77"
    assert "auth_token_comfy_org" not in sent
    assert sent.get("preview_method") != 7


async def test_lost_keys_end_the_job(connector: ComfyUI, tmp_path: Path) -> None:
    payload = {"workflow": graph(), "extra_data": True}
    with pytest.raises(FinalError, match="submit it again") as caught:
        await connector.run(make_ticket("comfyui", payload), RecordingContext(tmp_path))
    assert caught.value.details == {"code": "extra_data_lost"}
