"""What the fake ComfyUI knows of its nodes, and which graphs it takes: the shapes of ``execution.py``'s validation."""

import math
from collections.abc import Collection, Iterator
from typing import Any

Json = dict[str, Any]

CLASSES: dict[str, Json] = {
    "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["sd15.safetensors", "xl\\base.safetensors"]]}}},
    "LoadImage": {"input": {"required": {"image": [["example.png"], {"image_upload": True}]}}},
    "OddPicture": {"input": {"required": {"source": ["COMBO", {"options": [], "video_upload": True}]}}},
    "LoraLoader": {"input": {"required": {"lora_name": ["COMBO", {"options": ["fox.safetensors"]}]}}},
    "KSampler": {"input": {"required": {"steps": ["INT", {"min": 1, "max": 10000}]}}},
    "Gate": {"input": {}},
    "Stubborn": {"input": {}},
    "Block": {"input": {"required": {"message": ["STRING", {}]}}},
    "Boom": {"input": {"required": {"type": ["STRING", {}]}}},
    "SaveImage": {"input": {}, "output_node": True},
    "SaveImageWebsocket": {"input": {}, "output_node": True},
    "PreviewImage": {"input": {}, "output_node": True},
    "Preview3D": {"input": {"required": {"model_file": ["STRING", {}]}}, "output_node": True},
    "SaveGLB": {"input": {}, "output_node": True},
    "VHS_VideoCombine": {
        "input": {},
        "output_node": True,
        "python_module": "custom_nodes.ComfyUI-VideoHelperSuite",
    },
    "SaveAudio": {"input": {}, "output_node": True},
    "ShowText": {"input": {"required": {"text": ["STRING", {"dynamicPrompts": True}]}}, "output_node": True},
    "Show": {"input": {"required": {"ui": ["*", {}]}}, "output_node": True},
    "ReadWorkflow": {"input": {}, "output_node": True},
    "Odd": {
        "input": {
            "required": {
                "level": ["FLOAT", {"default": math.nan, "max": math.inf, "tooltip": "bro\udc80ken"}],
                "count": ["INT", {"default": 2**70, "min": 1, "max": 2**80}],
            }
        },
        "output_node": True,
    },
}


def order_of(graph: Json, outputs: Collection[str]) -> list[str]:
    """The nodes that these outputs need, each after what it is made of."""
    order: list[str] = []

    def visit(node: str) -> None:
        if node not in order:
            for value in graph[node]["inputs"].values():
                if _is_link(value):
                    visit(value[0])
            order.append(node)

    for output in outputs:
        visit(output)
    return order


def validate(graph: Json, classes: Json, uploads: Collection[str], *, old: bool) -> tuple[Json | None, list[str], Json]:
    """``(error, outputs to run, node errors)``; with an error, the graph is not taken."""
    for node, content in graph.items():
        if content["class_type"] not in classes:
            return _missing(node, content["class_type"], old=old), [], {}
    outputs = [node for node, content in graph.items() if classes[content["class_type"]].get("output_node")]
    if not outputs:
        error = {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": "", "extra_info": {}}
        return error, [], {}
    problems: Json = {}
    good = []
    for output in outputs:
        bad = False
        for node in order_of(graph, [output]):
            errors = list(_wrong_inputs(graph[node], classes, uploads))
            if errors:
                bad = True
                about = {"errors": errors, "dependent_outputs": [], "class_type": graph[node]["class_type"]}
                problems.setdefault(node, about)["dependent_outputs"].append(output)
        good += [] if bad else [output]
    if good:
        return None, good, problems
    error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
    return {**error, "details": "", "extra_info": {}}, [], problems


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def _missing(node: str, class_type: str, *, old: bool) -> Json:
    details = f"Node ID '#{node}'"
    if old:
        message = f"Cannot execute because node {class_type} does not exist."
        return {"type": "invalid_prompt", "message": message, "details": details, "extra_info": {}}
    info = {"node_id": node, "class_type": class_type, "node_title": class_type}
    message = f"Node '{class_type}' not found. The custom node may not be installed."
    return {"type": "missing_node_type", "message": message, "details": details, "extra_info": info}


def _wrong_inputs(content: Json, classes: Json, uploads: Collection[str]) -> Iterator[Json]:
    for name, spec in classes[content["class_type"]]["input"].get("required", {}).items():
        if name not in content["inputs"]:
            missing = {"type": "required_input_missing", "message": "Required input is missing", "details": name}
            yield {**missing, "extra_info": {"input_name": name}}
            continue
        value = content["inputs"][name]
        more = spec[1] if len(spec) > 1 else {}
        options = spec[0] if isinstance(spec[0], list) else more.get("options")
        takes_uploads = any(key.endswith("_upload") for key in more)
        allowed = [*(options or []), *(uploads if takes_uploads else [])]
        about = {"input_name": name, "input_config": spec, "received_value": value}
        if options is not None and not isinstance(value, list) and value not in allowed:
            details = f"{name}: '{value}' not in {allowed}"
            wrong = {"type": "value_not_in_list", "message": "Value not in list", "details": details}
            yield {**wrong, "extra_info": about}
        elif "min" in more and value < more["min"]:
            message = f"Value {value} smaller than min of {more['min']}"
            yield {"type": "value_smaller_than_min", "message": message, "details": name, "extra_info": about}
