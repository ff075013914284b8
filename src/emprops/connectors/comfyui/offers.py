"""What a ComfyUI machine has, as its ``/object_info`` tells: node classes, packs of custom nodes, model files. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from emprops.connectors.base import Capabilities
from emprops.connectors.comfyui.catalogue import Catalogue, pack

MODEL_FILE = re.compile(r".+\.(safetensors|sft|ckpt|pt|pt2|pth|bin|gguf|onnx)", re.IGNORECASE | re.DOTALL)
CUSTOM = "custom_nodes."


def read_offers(object_info: Mapping[str, Any], catalogue: Catalogue) -> Capabilities:
    """Read an ``/object_info`` answer; ``catalogue`` is what was read of its classes.

    Models are there under each name that a workflow may use: ``folder/name`` and ``name``. Custom nodes are the
    classes, and the names of the folders under ``custom_nodes`` that they come from.
    """
    models: set[str] = set()
    custom: set[str] = set()
    for class_type, info in object_info.items():
        if not isinstance(info, dict):
            continue
        custom.add(class_type)
        module = info.get("python_module")
        if isinstance(module, str) and module.startswith(CUSTOM):
            custom.add(module.removeprefix(CUSTOM).partition(".")[0])
        for options in _choices(info.get("input")):
            for option in options:
                if is_model(option):
                    whole = option.replace("\\", "/")
                    models |= {whole, whole.rpartition("/")[2]}
    return Capabilities(models=tuple(sorted(models)), custom_nodes=tuple(sorted(custom)), catalogue=pack(catalogue))


def is_model(value: Any) -> bool:
    """Whether a value of a node's input names a model file."""
    return isinstance(value, str) and MODEL_FILE.fullmatch(value) is not None


def uploads_of(object_info: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return the inputs that take an uploaded file: ``(class, input)``."""
    return frozenset(
        (class_type, name)
        for class_type, info in object_info.items()
        if isinstance(info, dict)
        for name, spec in _inputs(info.get("input"))
        if len(spec) > 1
        and isinstance(spec[1], dict)
        and any(key.endswith("_upload") and value is True for key, value in spec[1].items())
    )


def _choices(inputs: Any) -> Iterator[list[Any]]:
    """Return the lists that inputs choose from, in the older form of a specification and in the newer one."""
    for _, spec in _inputs(inputs):
        match spec:
            case [list(options), *_]:
                yield options
            case ["COMBO", {"options": list(options)}, *_]:
                yield options


def _inputs(inputs: Any) -> Iterator[tuple[str, list[Any]]]:
    groups = inputs if isinstance(inputs, dict) else {}
    for group in ("required", "optional"):
        members = groups.get(group)
        for name, spec in (members if isinstance(members, dict) else {}).items():
            if isinstance(spec, list) and spec:
                yield name, spec
