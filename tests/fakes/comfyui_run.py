"""How the fake ComfyUI runs a graph: the messages and records of ``execution.py``, in their order."""

import asyncio
import json
import math
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.comfyui_rules import order_of

if TYPE_CHECKING:
    from tests.fakes.comfyui import FakeComfyUI

Json = dict[str, Any]

ODD: Json = {"score": [math.nan, -math.inf], "big": [2**80], "text": ["caf\udce9", "na\ud83d\ude00ive"]}
"""What Python writes without a murmur: no JSON, and half a character."""
FORMATS = {1: "image/jpeg", 2: "image/png"}
PNG = 2


class InterruptedPromptError(Exception):
    """The node was interrupted."""


class NodeError(Exception):
    """The node failed: type and message."""


@dataclass
class Prompt:
    """A prompt in the queue, or running."""

    number: int
    id: str
    graph: Json
    extra: Json
    outputs: list[str] = field(default_factory=list)

    @property
    def entry(self) -> list[Any]:
        return [self.number, self.id, self.graph, self.extra, self.outputs]


@dataclass
class Run:
    """One prompt while it runs."""

    server: "FakeComfyUI"
    prompt: Prompt
    outputs: Json = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    states: Json = field(default_factory=dict)

    async def to_its_end(self) -> Json:
        """Run; what then stands in the history."""
        await self.tell("execution_start", {"timestamp": 0})
        await self.tell("execution_cached", {"nodes": [], "timestamp": 0})
        messages: list[Any] = [["execution_start", {"prompt_id": self.prompt.id}]]
        status = "success"
        for node in order_of(self.prompt.graph, self.prompt.outputs):
            content = self.prompt.graph[node]
            try:
                await self.node(node, content)
            except (InterruptedPromptError, NodeError) as error:
                kind, data = _failed(node, content, error)
                status = "error"
                messages.append([kind, {**data, "prompt_id": self.prompt.id}])
                await self.tell(kind, data)
                break
        else:
            await self.tell("execution_success", {"timestamp": 0})
        said = {"status_str": status, "completed": status == "success", "messages": messages}
        return {"prompt": self.prompt.entry, "outputs": self.outputs, "status": said, "meta": {}}

    async def tell(self, kind: str, data: Json) -> None:
        await self.server.send(self.prompt, kind, data)

    async def node(self, node: str, content: Json) -> None:
        if self.server.interrupted.is_set():
            raise InterruptedPromptError
        blockers = [value[0] for value in content["inputs"].values() if isinstance(value, list) and value]
        if self.blocked.intersection(blockers):
            await self.block(node, content, blockers)
            return
        await self.state(node, "running", 0, 1)
        await self.tell("executing", {"node": node, "display_node": node})
        inputs = content["inputs"]
        match content["class_type"]:
            case "Gate":
                await self.hold()
            case "Stubborn":
                self.server.at_gate.set()
                await self.server.gate.wait()
            case "Boom":
                raise NodeError(inputs["type"], inputs.get("message", self.server.boom))
            case "Block":
                self.blocked.add(node)
            case "KSampler":
                await self.sample(node, int(inputs["steps"]))
            case "SaveImageWebsocket":
                await self.send_results(node, int(inputs.get("batch", 1)))
            case "ReadWorkflow":
                _read_workflow(node, self.prompt.extra)
        key = json.dumps([node, content], sort_keys=True)
        cached = self.server.cached
        output = cached[key] = cached[key] if key in cached else self.output_of(node, content)
        if output:
            self.outputs[node] = output
            await self.tell("executed", {"node": node, "display_node": node, "output": output})
        await self.state(node, "finished", 1, 1)

    def output_of(self, node: str, content: Json) -> Json:
        inputs, file = content["inputs"], self.server.file
        output: Json = {}
        match content["class_type"]:
            case "SaveImage":
                output["images"] = [file(f"img_{node}_{at:05}_.png") for at in range(1, inputs.get("batch", 1) + 1)]
            case "PreviewImage":
                output["images"] = [{"filename": "ComfyUI_temp_1.png", "subfolder": "", "type": "temp"}]
            case "VHS_VideoCombine":
                output["gifs"] = [file(f"clip_{node}.gif", "clips") | {"format": "image/gif"}]
            case "SaveAudio":
                output["audio"] = [file(f"made_{node}.wav", "audio")]
            case "SaveGLB":
                output["3d"] = [file(f"made_{node}.glb", "mesh")]
            case "Preview3D":
                output["result"] = [inputs["model_file"], None]
            case "ShowText":
                output["text"] = [inputs["text"]]
            case "Odd":
                output = ODD
            case "Show":
                output = inputs["ui"] or self.server.ui
        return output

    async def block(self, node: str, content: Json, blockers: list[str]) -> None:
        """A blocked node is told of as failed, which ComfyUI forgets at once: the prompt goes on and succeeds."""
        self.blocked.add(node)
        message = next((self.prompt.graph[name]["inputs"].get("message") for name in blockers), "")
        if message:
            error = NodeError("ExecutionBlocked", f"Execution Blocked: {message}")
            await self.tell("execution_error", _failed(node, content, error)[1])

    async def state(self, node: str, state: str, value: float, top: float) -> None:
        if self.server.old:
            return
        about = {"node_id": node, "real_node_id": node, "display_node_id": node, "parent_node_id": None}
        self.states[node] = {"value": value, "max": top, "state": state, "prompt_id": self.prompt.id, **about}
        await self.tell("progress_state", {"nodes": self.states})

    async def hold(self) -> None:
        server = self.server
        server.at_gate.set()
        waits = [asyncio.create_task(event.wait()) for event in (server.gate, server.interrupted)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if server.interrupted.is_set():
            raise InterruptedPromptError

    async def sample(self, node: str, steps: int) -> None:
        for step in range(1, steps + 1):
            if self.server.interrupted.is_set():
                raise InterruptedPromptError
            await self.advance(node, step, steps)
            if self.prompt.extra.get("preview_method"):
                await send_picture(self.server, self.prompt, node, self.server.pictures[".png"])
            await asyncio.sleep(0)

    async def send_results(self, node: str, count: int) -> None:
        for number in range(count):
            # the picture first, and numbers from 0, as its progress bar does
            await send_picture(self.server, self.prompt, node, self.server.pictures[".png"])
            await self.advance(node, number, count)

    async def advance(self, node: str, value: int, top: int) -> None:
        await self.state(node, "running", value, top)
        await self.tell("progress", {"value": value, "max": top, "node": node})


async def send_picture(server: "FakeComfyUI", prompt: Prompt, node: str, picture: bytes, kind: int = PNG) -> None:
    """A frame with a picture: with metadata if the client has said that it understands them."""
    if server.old or not server.flags.get(str(prompt.extra.get("client_id")), {}).get("supports_preview_metadata"):
        await server.send_raw(prompt, struct.pack(">II", 1, kind) + picture)
        return
    said = {"node_id": node, "real_node_id": node, "image_type": FORMATS[kind], "prompt_id": prompt.id}
    metadata = json.dumps(said).encode()
    await server.send_raw(prompt, struct.pack(">II", 4, len(metadata)) + metadata + picture)


def _failed(node: str, content: Json, error: Exception) -> tuple[str, Json]:
    data = {"node_id": node, "node_type": content["class_type"], "executed": [], "timestamp": int(time.time())}
    if isinstance(error, InterruptedPromptError):
        return "execution_interrupted", data
    kind, message = error.args
    more = {"traceback": ["/srv/comfy/nodes.py"], "current_inputs": {"x": [float("nan")]}, "current_outputs": []}
    return "execution_error", {**data, **more, "exception_type": kind, "exception_message": message}


def _read_workflow(node: str, extra: Json) -> None:
    """Find the own node in the workflow, as nodes do that write into it."""
    try:
        nodes = extra["extra_pnginfo"]["workflow"]["nodes"]
        next(item for item in nodes if str(item["id"]) == node)["widgets_values"] = ["seen"]
    except (KeyError, TypeError, StopIteration) as error:
        raise NodeError(type(error).__name__, str(error)) from error
