"""Source media that a ComfyUI graph names by URL are uploaded."""

from pathlib import Path

import pytest
from tests.connectors.comfyui.rig import SOURCE, failure, graph, node, run
from tests.connectors.contract import RecordingContext, make_ticket
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.http_api import Reply

from emprops.connectors.base import BadInputError
from emprops.connectors.comfyui.connector import ComfyUI


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.png"
    path.write_bytes(SOURCE)
    return path


async def test_sources_are_uploaded_once_and_named_in_the_graph(
    connector: ComfyUI, comfy: FakeComfyUI, source: Path, tmp_path: Path
) -> None:
    url = "https://example.com/a.png?sig=1"
    await connector.capabilities()
    content = graph(
        n2=node("LoadImage", image=url),
        n3=node("LoadImage", image=url),
        n4=node("OddPicture", source=url),
        n5=node("ShowText", text=url),
    )
    context = RecordingContext(tmp_path, {url: source})
    await connector.run(make_ticket("comfyui", {"workflow": content}), context)
    sent = comfy.bodies("/prompt")[0]["prompt"]
    name = comfy.uploaded_name(SOURCE, ".png")
    assert [sent["2"]["inputs"], sent["3"]["inputs"]] == [{"image": name}, {"image": name}]
    assert sent["4"]["inputs"] == {"source": name}
    assert sent["5"]["inputs"] == {"text": url}
    assert comfy.inputs == {name: SOURCE}
    assert len(context.fetched) == 1
    assert content["2"]["inputs"]["image"] == url, "the ticket is needed as it is for another try"


async def test_a_name_that_is_taken_by_another_file_is_not_used(
    connector: ComfyUI, comfy: FakeComfyUI, source: Path, tmp_path: Path
) -> None:
    name = comfy.uploaded_name(SOURCE, ".png")
    comfy.inputs[name] = b"half a file"
    await run(connector, graph(n2=node("LoadImage", image="/files/a.png")), tmp_path, files={"/files/a.png": source})
    assert comfy.bodies("/prompt")[0]["prompt"]["2"]["inputs"]["image"] == name.replace(".png", " (1).png")


async def test_a_source_that_cannot_be_had_is_bad_input(connector: ComfyUI, tmp_path: Path) -> None:
    error = await failure(connector, graph(n2=node("LoadImage", image="https://example.com/b.png")), tmp_path)
    assert isinstance(error, BadInputError)


async def test_a_source_too_large_for_comfyui_is_bad_input(
    connector: ComfyUI, comfy: FakeComfyUI, source: Path, tmp_path: Path
) -> None:
    comfy.replies["/upload/image"] = [Reply(413)]
    with pytest.raises(BadInputError, match="max-upload-size"):
        await run(connector, graph(n2=node("LoadImage", image="/files/a")), tmp_path, files={"/files/a": source})
