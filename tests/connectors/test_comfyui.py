"""The ComfyUI connector against a server that speaks ComfyUI's protocol on loopback."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.apps import served
from tests.connectors.contract import Bad, ConnectorContract, RecordingContext, Sample, content_of, make_ticket
from tests.connectors.faults import End, FaultContract, Step
from tests.fakes.comfyui import FakeComfyUI, Prompt
from tests.fakes.http_api import Reply

from emprops.connectors.base import BadInputError, ConnectorError, FinalError, Outcome, RetryableError
from emprops.connectors.comfyui.connector import ComfyUI, Patience
from emprops.connectors.comfyui.events import Event, Preview, parse
from emprops.connectors.comfyui.outputs import Item, items_of, type_of
from emprops.connectors.comfyui.watch import Meter
from emprops.connectors.registry import load_connectors
from emprops.queue.matching import Offer, missing
from emprops.settings import Settings, SettingsError


def picture(form: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, form)
    return buffer.getvalue()


def sound() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return buffer.getvalue()


PNG, SOURCE = picture(), picture(size=(3, 3))


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakeComfyUI]:
    fake = FakeComfyUI(pictures={".png": PNG, ".gif": picture("GIF"), ".wav": sound()})
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        await fake.restart()


@pytest.fixture
async def comfy(server: FakeComfyUI) -> FakeComfyUI:
    await server.renew()
    return server


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def make(fake: FakeComfyUI, **options: Any) -> ComfyUI:
    return ComfyUI(Settings(comfyui_url=fake.base), pause=at_once, **options)


@pytest.fixture
async def connector(comfy: FakeComfyUI) -> AsyncIterator[ComfyUI]:
    made = make(comfy)
    yield made
    await made.close()


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs} | ({"_meta": {"title": title}} if title else {})


def graph(**middle: Any) -> dict[str, Any]:
    """A graph with nodes of the test's between the model and the picture."""
    between = {name.removeprefix("n"): content for name, content in middle.items()}
    return {"1": node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors"), **between, "9": node("SaveImage")}


GATED = graph(n2=node("Gate"))


async def run(connector: ComfyUI, content: Any, folder: Path, **context: Any) -> Outcome:
    return await connector.run(make_ticket("comfyui", {"workflow": content}), RecordingContext(folder, **context))


async def failure(connector: ComfyUI, content: Any, folder: Path) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await run(connector, content, folder)
    return caught.value


def begin(connector: ComfyUI, content: Any, folder: Path) -> "asyncio.Task[Outcome]":
    return asyncio.create_task(run(connector, content, folder))


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, connector: ComfyUI) -> ComfyUI:  # type: ignore[override]
        return connector

    @pytest.fixture
    def samples(self) -> list[Sample]:
        everything = graph(n2=node("KSampler", steps=5), n3=node("ShowText", text="a fox"), n4=node("VHS_VideoCombine"))
        return [Sample("comfyui", {"workflow": everything})]

    @pytest.fixture
    def bad(self) -> list[Bad]:
        editor = {"nodes": [], "links": []}
        refused = graph(n2=node("KSampler"))
        return [
            Bad("comfyui", {}, "workflow"),
            Bad("comfyui", {"workflow": editor}, "class_type"),
            Bad("comfyui", {"workflow": {"1": {"class_type": 7}}}, "node 1"),
            Bad("comfyui", {"workflow": refused}, "steps"),
            Bad("comfyui", {"workflow": {"1": node("Gate")}}, "no outputs"),
        ]

    @pytest.fixture
    def slow(self) -> Sample:
        return Sample("comfyui", {"workflow": graph(n2=node("KSampler", steps=60))})


class TestFaults(FaultContract):
    @pytest.fixture
    async def connector(  # type: ignore[override]
        self, comfy: FakeComfyUI, request: pytest.FixtureRequest
    ) -> AsyncIterator[ComfyUI]:
        fault = request.node.name
        limit = 1024 * 1024 if "[gigantic]" in fault else 1024**3
        made = ComfyUI(
            Settings(comfyui_url=comfy.base, max_result_bytes=limit),
            patience=Patience(away=0.0, answer=0.3 if "[slow]" in fault else 30.0),
            max_answer_bytes=1024 * 1024,
            pause=at_once,
        )
        yield made
        await made.close()

    @pytest.fixture
    def service(self, comfy: FakeComfyUI) -> FakeComfyUI:
        return comfy

    @pytest.fixture
    def inputs(self, tmp_path: Path) -> Mapping[str, Path]:
        source = tmp_path / "source.png"
        source.write_bytes(SOURCE)
        return {"/files/a.png": source}

    @pytest.fixture
    def key(self) -> str:
        return "ComfyUI has none"

    @pytest.fixture
    def steps(self) -> list[Step]:
        sample = Sample("comfyui", {"workflow": graph(n2=node("LoadImage", image="/files/a.png"))})
        # What answers in its place is a machine that starts, or a gateway before it: ComfyUI itself will be back.
        passing: dict[str, End] = {"wrong_type": "retryable", "html_200": "retryable"}
        forgets_nothing: dict[str, End] = passing | {"restart": "survived"}
        # Whether the graph was queued although the answer broke off can be asked.
        asked: dict[str, End] = forgets_nothing | {"half": "survived", "drop": "survived"}
        return [
            Step(sample, "/upload/image", forgets_nothing),
            Step(sample, "/prompt", asked),
            Step(sample, "/queue", passing),
            Step(sample, "/history/", passing),
            Step(sample, "/view", forgets_nothing),
        ]

    @pytest.fixture
    def large(self, steps: list[Step]) -> Step:
        return steps[-1]


class TestResults:
    async def test_every_kind_of_every_node_comes_once_and_temporary_ones_never(
        self, connector: ComfyUI, tmp_path: Path
    ) -> None:
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
            ("8", "audio/x-wav", "sound_8.wav"),
            ("10", "image/png", "img_10_00001_.png"),
        ]
        assert content_of(outcome.files[0]) == PNG
        assert (outcome.files[0].width, outcome.files[0].height) == (8, 6)
        assert outcome.files[3].width is None
        assert outcome.data == {"text": "a red fox\na blue fox"}

    def test_files_are_told_apart_by_folder_and_named_once(self) -> None:
        files = [{"filename": "a.png", "subfolder": folder, "type": "output"} for folder in ("", "x", "")]
        outputs = {"9": {"images": files, "animated": [True]}, "1": {"files": files[:1]}, "77": {"3d": files[1:2]}}
        assert items_of(outputs, {"1": {}, "9": {}}) == [Item("1", "a.png", ""), Item("9", "a.png", "x")]

    async def test_text_alone_is_a_result(self, connector: ComfyUI, tmp_path: Path) -> None:
        outcome = await run(connector, {"1": node("ShowText", text="a fox")}, tmp_path)
        assert outcome.data == {"text": "a fox"}
        assert not outcome.files

    async def test_long_text_is_a_file(self, connector: ComfyUI, tmp_path: Path) -> None:
        text = "fox " * 50_000
        outcome = await run(connector, {"1": node("ShowText", text=text)}, tmp_path)
        assert [content_of(file).decode() for file in outcome.files] == [text]
        assert not outcome.data

    async def test_a_graph_that_stores_nothing_fails(self, connector: ComfyUI, tmp_path: Path) -> None:
        error = await failure(connector, {"1": node("PreviewImage")}, tmp_path)
        assert isinstance(error, FinalError)
        assert "SaveImage" in error.message

    async def test_a_file_of_any_size_is_streamed_up_to_the_limit(self, comfy: FakeComfyUI, tmp_path: Path) -> None:
        comfy.files["", "img_9_00001_.png"] = 64 * 1024 * 1024
        connector = ComfyUI(Settings(comfyui_url=comfy.base, max_result_bytes=1024 * 1024), pause=at_once)
        error = await failure(connector, graph(), tmp_path)
        await connector.close()
        assert isinstance(error, FinalError)
        assert "larger than the 1048576 bytes" in error.message
        assert (tmp_path / "output-1").stat().st_size <= 1024 * 1024

    async def test_a_wrong_content_type_is_not_believed(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        comfy.content_types["img_9_00001_.png"] = "text/plain"
        outcome = await run(connector, graph(), tmp_path)
        assert outcome.files[0].mime_type == "image/png"

    async def test_half_a_file_is_fetched_again(self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
        comfy.replies["/view"] = [Reply(fault="cut"), Reply(500)]
        outcome = await run(connector, graph(), tmp_path)
        assert content_of(outcome.files[0]) == PNG
        assert comfy.paths().count("/view") == 3

    async def test_a_file_that_somebody_removed_is_made_anew_at_the_next_try(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        await run(connector, graph(), tmp_path)
        comfy.files.clear()
        error = await failure(connector, graph(), tmp_path)
        assert isinstance(error, RetryableError)
        assert error.details == {"code": "output_gone"}
        assert len((await run(connector, graph(), tmp_path)).files) == 1

    async def test_an_error_page_is_no_picture(self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
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
            ("a.glb", b"glTF\x02\0\0\0", "application/octet-stream", "model/gltf-binary"),
            ("a.xyzzy", b"\x01\x02\x03", "", "application/octet-stream"),
        ],
    )
    def test_types(self, name: str, content: bytes, said: str, expected: str) -> None:
        assert type_of(name, content, said) == expected


class TestInputs:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        path = tmp_path / "source.png"
        path.write_bytes(SOURCE)
        return path

    async def test_sources_are_uploaded_once_and_named_in_the_graph(
        self, connector: ComfyUI, comfy: FakeComfyUI, source: Path, tmp_path: Path
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
        self, connector: ComfyUI, comfy: FakeComfyUI, source: Path, tmp_path: Path
    ) -> None:
        name = comfy.uploaded_name(SOURCE, ".png")
        comfy.inputs[name] = b"half a file"
        await run(
            connector, graph(n2=node("LoadImage", image="/files/a.png")), tmp_path, files={"/files/a.png": source}
        )
        assert comfy.bodies("/prompt")[0]["prompt"]["2"]["inputs"]["image"] == name.replace(".png", " (1).png")

    async def test_a_source_that_cannot_be_had_is_bad_input(self, connector: ComfyUI, tmp_path: Path) -> None:
        error = await failure(connector, graph(n2=node("LoadImage", image="https://example.com/b.png")), tmp_path)
        assert isinstance(error, BadInputError)

    async def test_a_source_too_large_for_comfyui_is_bad_input(
        self, connector: ComfyUI, comfy: FakeComfyUI, source: Path, tmp_path: Path
    ) -> None:
        comfy.replies["/upload/image"] = [Reply(413)]
        with pytest.raises(BadInputError, match="max-upload-size"):
            await run(connector, graph(n2=node("LoadImage", image="/files/a")), tmp_path, files={"/files/a": source})


class TestProblems:
    @pytest.mark.parametrize("old", [False, True])
    async def test_a_missing_node_class_is_named(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
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
        self, connector: ComfyUI, tmp_path: Path, content: dict[str, Any], class_type: str
    ) -> None:
        error = await failure(connector, graph(n2=content), tmp_path)
        assert isinstance(error, FinalError)
        assert error.details["code"] == "missing_model"
        assert error.details["model"] == "cat.safetensors"
        assert (error.details["node_id"], error.details["class_type"]) == ("2", class_type)
        assert "sd15" not in f"{error.message} {error.details}", "what else the machine has is not the caller's"

    async def test_a_failing_node_is_named(self, connector: ComfyUI, tmp_path: Path) -> None:
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
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
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

    async def test_running_out_of_memory_may_be_tried_again(self, connector: ComfyUI, tmp_path: Path) -> None:
        error = await failure(connector, graph(n2=node("Boom", type="torch.OutOfMemoryError")), tmp_path)
        assert isinstance(error, RetryableError)
        assert error.details["code"] == "out_of_memory"

    async def test_a_failure_nobody_was_told_of_is_in_the_history(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
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
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, status: int
    ) -> None:
        comfy.replies["/prompt"] = [Reply(status, b"<html>", "text/html", {"Retry-After": "7"})]
        error = await failure(connector, graph(), tmp_path)
        assert isinstance(error, RetryableError)
        assert (error.retry_after, error.details["status"]) == (7.0, status)

    async def test_a_web_page_is_not_a_comfyui(self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
        comfy.replies["/prompt"] = [Reply(200, b"<html>Sign in", "text/html")]
        assert isinstance(await failure(connector, graph(), tmp_path), RetryableError)
        comfy.replies["/object_info"] = [Reply(200, b"<html>Sign in", "text/html")]
        with pytest.raises(RetryableError, match="does not speak like ComfyUI"):
            await connector.capabilities()

    async def test_a_server_that_is_not_there(self, tmp_path: Path, unused_tcp_port: int) -> None:
        connector = ComfyUI(Settings(comfyui_url=f"http://127.0.0.1:{unused_tcp_port}"), pause=at_once)
        assert isinstance(await failure(connector, graph(), tmp_path), RetryableError)
        health = await connector.check()
        assert not health.ok
        assert f"127.0.0.1:{unused_tcp_port}" in health.message
        await connector.close()


class TestLostConnections:
    async def test_a_dropped_socket_is_opened_again_and_the_run_goes_on(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        running = begin(connector, GATED, tmp_path)
        await comfy.at_gate.wait()
        comfy.drop_sockets()
        await comfy.connected.wait()
        comfy.gate.set()
        assert len((await running).files) == 1
        assert comfy.connections == 2

    async def test_what_ended_while_nobody_listened_is_found_in_the_history(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        running = begin(connector, GATED, tmp_path)
        await comfy.at_gate.wait()
        comfy.deaf = True
        comfy.drop_sockets()
        comfy.gate.set()
        assert len((await running).files) == 1

    async def test_a_server_without_events_is_asked(self, comfy: FakeComfyUI, tmp_path: Path) -> None:
        comfy.mute = True
        connector = make(comfy, patience=Patience(quiet=0.01))
        assert len((await run(connector, graph(), tmp_path)).files) == 1
        await connector.close()

    async def test_a_restart_forgets_the_prompt_which_may_be_tried_again(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        running = begin(connector, GATED, tmp_path)
        await comfy.at_gate.wait()
        await comfy.restart()
        with pytest.raises(RetryableError, match="restarted") as caught:
            await running
        assert caught.value.details == {"code": "prompt_lost"}

    async def test_a_short_outage_is_waited_out(self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path) -> None:
        running = begin(connector, GATED, tmp_path)
        await comfy.at_gate.wait()
        comfy.replies["/queue"] = [Reply(502), Reply(502)]
        comfy.deaf = True
        comfy.drop_sockets()
        comfy.gate.set()
        assert len((await running).files) == 1

    async def test_a_long_outage_is_not(self, comfy: FakeComfyUI, tmp_path: Path) -> None:
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
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
    ) -> None:
        comfy.old = old
        comfy.replies["/prompt"] = [Reply(fault="cut")]
        running = begin(connector, GATED, tmp_path)
        await comfy.at_gate.wait()
        await comfy.looked_for.wait()
        comfy.gate.set()
        assert len((await running).files) == 1
        assert comfy.paths().count("/prompt") == 1


class TestStopping:
    @pytest.mark.parametrize("old", [False, True])
    async def test_a_running_prompt_is_interrupted_and_the_next_is_not(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
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
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
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
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool
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
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        comfy.old = True
        await failure(connector, graph(n2=node("Boom", type="ValueError")), tmp_path)
        assert "/interrupt" not in comfy.paths()

    async def test_an_interruption_by_somebody_else_may_be_tried_again(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        running = begin(connector, GATED, tmp_path)
        await comfy.at_gate.wait()
        comfy._interrupt.set()
        with pytest.raises(RetryableError, match="interrupted") as caught:
            await running
        assert caught.value.details["node_id"] == "2"


class TestProgress:
    async def test_nodes_make_up_the_whole(self, connector: ComfyUI, tmp_path: Path) -> None:
        context = RecordingContext(tmp_path)
        content = graph(n2=node("KSampler", "Paint", steps=4))
        await connector.run(make_ticket("comfyui", {"workflow": content}), context)
        assert next(message for _, message in context.seen if message.startswith("Paint ")) == "Paint 1/4"
        halfway = next(percent for percent, message in context.seen if message == "Paint 2/4")
        assert halfway == pytest.approx(95 * 1.5 / 3)
        assert context.seen[-1] == (100.0, "")

    @pytest.mark.parametrize(("old", "expected"), [(False, "2"), (True, "")])
    async def test_previews_are_shown(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path, *, old: bool, expected: str
    ) -> None:
        comfy.old = old
        context = RecordingContext(tmp_path)
        content = graph(n2=node("KSampler", steps=50))
        await connector.run(make_ticket("comfyui", {"workflow": content}), context)
        assert set(context.previews) == {(PNG, "image/png", expected)}

    async def test_previews_of_other_prompts_are_not_shown(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        context = RecordingContext(tmp_path)
        running = asyncio.create_task(connector.run(make_ticket("comfyui", {"workflow": GATED}), context))
        await comfy.at_gate.wait()
        foreign = Prompt(1, "another-prompt", {}, {"client_id": next(iter(comfy.sockets))})
        await comfy.send_preview(foreign, "2")
        comfy.gate.set()
        await running
        assert context.previews == []

    async def test_previews_are_not_asked_for_when_nobody_sees_them(
        self, connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
    ) -> None:
        await run(connector, graph(), tmp_path, shows_previews=False)
        assert "preview_method" not in comfy.bodies("/prompt")[0]["extra_data"]

    def test_what_a_node_says_while_it_runs_is_the_message(self) -> None:
        said = parse(b"\0\0\0\x03\0\0\0\x012Status: queued")
        assert said == Event("progress_text", {"node": "2", "text": "Status: queued"})
        meter = Meter(graph(n2=node("KSampler", "Paint")))
        assert meter.tell(said)
        assert meter.message == "Paint: Status: queued"

    def test_cached_nodes_count_and_nothing_exceeds_the_end(self) -> None:
        meter = Meter(graph(n2=node("KSampler"), n3=node("Gate")))
        assert meter.tell(Event("execution_cached", {"nodes": ["1", "77", 5]}))
        assert meter.percent == pytest.approx(95 / 4)
        meter.tell(Event("progress", {"node": "2", "value": 9, "max": 3}))
        assert meter.percent == pytest.approx(95 / 2)
        meter.tell(Event("executing", {"node": "3.0.1"}))
        for name in ("3", "9", "99"):
            meter.tell(Event("executed", {"node": name}))
        assert meter.percent == pytest.approx(95)

    @pytest.mark.parametrize(
        "data",
        [{}, {"node": 7, "value": "x", "max": None}, {"nodes": [None]}, {"nodes": {"2": 3}}, {"node": "2", "max": 0}],
    )
    @pytest.mark.parametrize("kind", ["progress", "progress_state", "executing", "executed", "execution_cached"])
    def test_odd_events_do_no_harm(self, kind: str, data: Mapping[str, Any]) -> None:
        meter = Meter(graph(n2=node("KSampler")))
        meter.tell(Event(kind, dict(data)))
        assert 0 <= meter.percent <= 95

    @pytest.mark.parametrize(
        "frame", [b"", b"\0" * 8, b"\0\0\0\x01\0\0\0\x09abc", b"\0\0\0\x04\xff\xff\xff\xff{}", "no json", "[]", "{}"]
    )
    def test_odd_frames_are_passed_over(self, frame: str | bytes) -> None:
        assert parse(frame) is None

    def test_a_preview_without_metadata(self) -> None:
        assert parse(b"\0\0\0\x01\0\0\0\x01jpeg") == Preview(b"jpeg", "image/jpeg")


class TestOffers:
    async def test_a_worker_knows_what_the_machine_has(self, connector: ComfyUI) -> None:
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
        self, connector: ComfyUI, comfy: FakeComfyUI
    ) -> None:
        first = await connector.capabilities()
        assert await connector.capabilities() == first
        assert comfy.paths() == ["/object_info", "/prompt"]
        comfy.replies["/prompt"] = [Reply(503)]
        with pytest.raises(RetryableError):
            await connector.capabilities()
        assert await connector.capabilities() == first
        assert comfy.paths().count("/object_info") == 2

    async def test_it_says_which_version_is_there(self, connector: ComfyUI) -> None:
        health = await connector.check()
        assert "0.3.99" in health.message

    def test_it_is_left_out_without_an_address(self) -> None:
        assert not ComfyUI.configured(Settings())
        assert "comfyui" not in {connector.name for connector in load_connectors(Settings())}

    @pytest.mark.parametrize("url", ["127.0.0.1:8188", "ftp://x", "http://", "nonsense"])
    def test_an_address_that_is_none_is_refused(self, url: str) -> None:
        with pytest.raises(SettingsError, match="EMPROPS_COMFYUI_URL"):
            ComfyUI(Settings(comfyui_url=url))
