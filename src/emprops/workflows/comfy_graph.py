"""What a ComfyUI graph in API form says about itself: node classes, model files, and inputs worth asking for. Pure.

API form is ``{node id: {"class_type": …, "inputs": {name: literal | [node id, output]}}}``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emprops.workflows.forms import HIGHEST, LOWEST
from emprops.workflows.templates import MAX_DEPTH, deeper_than

Graph = Mapping[str, Mapping[str, Any]]

MAX_NODES = 2000
MODEL_FILE = re.compile(r".+\.(safetensors|sft|ckpt|pt|pt2|pth|bin|gguf|onnx)", re.IGNORECASE | re.DOTALL)
LOADER_INPUTS = frozenset(
    {
        *("ckpt_name", "config_name", "lora_name", "vae_name", "unet_name", "clip_name", "clip_name1", "clip_name2"),
        *("clip_name3", "clip_name4", "control_net_name", "controlnet_name", "style_model_name", "gligen_name"),
        *("hypernetwork_name", "ipadapter_file", "upscale_model", "upscale_model_name", "diffusion_model"),
    }
)
"""Inputs of loaders that hold the name of a model; of other inputs, only names that end like a model file count."""
NO_MODEL = frozenset({"", "none", "pixel_space", "baked vae", "taesd", "taesdxl", "taesd3", "taef1"})
"""What such an input may hold without naming a file that somebody has to bring."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model file that a node loads, by the name the graph has for it (``folder/name`` where it has a folder)."""

    name: str
    node: str
    class_type: str
    input: str

    @property
    def names(self) -> tuple[str, str]:
        """The names under which a catalog may know it: the whole one, and the file's."""
        return self.name, self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a graph's form."""

    sentence: str
    """Without a full stop, as part of a longer one."""
    node: str | None = None
    """The node it is about; None: the graph as a whole."""
    field: str = ""
    reason: str = ""
    """In one word, for programs."""


def find_problems(graph: Any) -> list[str]:
    """Return why a graph cannot be run by ComfyUI, in sentences; nothing if its form is right."""
    return [problem.sentence for problem in problems_of(graph)]


def problems_of(graph: Any) -> list[Problem]:
    """Return the same with the nodes it is about."""
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        text = "the graph is in ComfyUI's editor format; export it in API format (Workflow → Export (API)) instead"
        return [Problem(text)]
    if not isinstance(graph, dict) or not graph or len(graph) > MAX_NODES or deeper_than(graph, MAX_DEPTH):
        text = f"workflow must be a ComfyUI graph in API form: 1 to {MAX_NODES} nodes, node id → {{class_type, inputs}}"
        return [Problem(text)]
    problems = [
        Problem(
            f"node {node[:100]} of the graph needs class_type and inputs; export the graph in API form",
            node,
            "class_type",
            "malformed_node",
        )
        for node, content in graph.items()
        if not isinstance(content, dict)
        or not isinstance(content.get("class_type"), str)
        or not isinstance(content.get("inputs", {}), dict)
    ]
    return problems or [
        Problem(
            f"input {name} of node {node} comes from node {source}, which the graph does not have",
            node,
            name,
            "missing_node",
        )
        for node, name, value in inputs_of(graph)
        if (source := linked(value)) is not None and source not in graph
    ]


def inputs_of(graph: Graph) -> Iterator[tuple[str, str, Any]]:
    """Return every input: node id, name, and literal or link."""
    for node, content in graph.items():
        for name, value in content.get("inputs", {}).items():
            yield node, name, value


def linked(value: Any) -> str | None:
    """Return the node whose output an input takes; None if the input is a literal."""
    match value:
        case [str(source), int(output)] if not isinstance(output, bool):
            return source
        case _:
            return None


def is_literal(value: Any) -> bool:
    """Whether an input is a text, a number that JSON keeps, true or false: what a form can set."""
    if isinstance(value, (int, float)):
        return LOWEST <= value <= HIGHEST
    return isinstance(value, str)


def node_classes(graph: Graph) -> list[str]:
    """Return the classes of the graph's nodes, sorted."""
    return sorted({content["class_type"] for content in graph.values()})


def models_of(graph: Graph) -> list[ModelUse]:
    """Return the model files that the graph's nodes load, in the graph's order."""
    found: list[ModelUse] = []
    for node, name, value in inputs_of(graph):
        if not isinstance(value, str) or value.strip().lower() in NO_MODEL or len(value) > 255 or "\n" in value:
            continue
        if name in LOADER_INPUTS or MODEL_FILE.fullmatch(value):
            found.append(ModelUse(value.strip().replace("\\", "/"), node, graph[node]["class_type"], name))
    return found
