"""What the fake ComfyUI knows of its nodes, and how it refuses a graph: the shapes of ``execution.py``'s validation."""

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
    "Boom": {"input": {"required": {"type": ["STRING", {}]}}},
    "SaveImage": {"input": {}, "output_node": True},
    "PreviewImage": {"input": {}, "output_node": True},
    "VHS_VideoCombine": {
        "input": {},
        "output_node": True,
        "python_module": "custom_nodes.ComfyUI-VideoHelperSuite",
    },
    "SaveAudio": {"input": {}, "output_node": True},
    "ShowText": {"input": {"required": {"text": ["STRING", {"dynamicPrompts": True}]}}, "output_node": True},
}


def refusal(graph: Json, classes: Json, uploads: Collection[str], *, old: bool) -> Json | None:
    """Why a graph is not taken: the body of the 400; None if it is taken."""
    for node, content in graph.items():
        if content["class_type"] not in classes:
            return {"error": _missing(node, content["class_type"], old=old), "node_errors": {}}
    if not any(classes[content["class_type"]].get("output_node") for content in graph.values()):
        error = {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": "", "extra_info": {}}
        return {"error": error, "node_errors": {}}
    problems = {}
    for node, content in graph.items():
        errors = list(_wrong_inputs(content, classes, uploads))
        if errors:
            problems[node] = {"errors": errors, "dependent_outputs": ["9"], "class_type": content["class_type"]}
    if not problems:
        return None
    error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
    return {"error": {**error, "details": "", "extra_info": {}}, "node_errors": problems}


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
        options = spec[0] if isinstance(spec[0], list) else (spec[1] or {}).get("options")
        takes_uploads = len(spec) > 1 and any(key.endswith("_upload") for key in spec[1])
        allowed = [*(options or []), *(uploads if takes_uploads else [])]
        if options is not None and not isinstance(value, list) and value not in allowed:
            details = f"{name}: '{value}' not in {allowed}"
            wrong = {"type": "value_not_in_list", "message": "Value not in list", "details": details}
            yield {**wrong, "extra_info": {"input_name": name, "input_config": spec, "received_value": value}}
