"""Which inputs of a ComfyUI graph a user would want to set, as a form. Pure.

Literals that say what is made (texts, seed, size, steps, sampler, pictures) become form fields; links, and names of
models, stay. Equal values with the same meaning share a field, as the two passes of a high-resolution graph do.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.workflows.comfy_graph import Graph, inputs_of, linked, upstream

Json = dict[str, Any]

MAX_PROPOSED = 60
MAX_SEED = 2**64 - 1
TEXTS = frozenset({"text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "positive_prompt", "negative_prompt"})
SAMPLERS = (
    *("euler", "euler_ancestral", "heun", "dpm_2", "dpm_2_ancestral", "lms", "dpm_fast", "dpmpp_2s_ancestral"),
    *("dpmpp_sde", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_3m_sde", "ddpm", "lcm", "ddim", "uni_pc", "uni_pc_bh2"),
)
SCHEDULERS = ("normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta")
FILES = {"image": "image", "video": "video", "audio": "audio"}
UPLOADS = ("LoadImage", "LoadVideo", "LoadAudio")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A form field, and the nodes' inputs that it sets."""

    form_field: Json
    targets: list[tuple[str, str]] = field(default_factory=list)
    required: bool = False


def propose(graph: Graph, classes: Catalogue | None = None) -> list[Proposal]:
    """Give a field for each input worth setting, in the graph's order, texts first."""
    del classes
    roles = _text_roles(graph)
    proposals: dict[tuple[str, str], Proposal] = {}
    taken: set[str] = set()
    for node, name, value in inputs_of(graph):
        made = _field(graph, roles, node, name, value)
        if made is None:
            continue
        role, content = made
        key = (role, repr(value))
        if key not in proposals:
            if len(proposals) == MAX_PROPOSED:
                break
            name_of_field = _unused(role, taken)
            label = name_of_field.replace("_", " ").capitalize()
            base = {"id": name_of_field, "name": label, "display": True, "group": "main"}
            proposals[key] = Proposal(base | content, required=content["type"] == "image_loader")
        proposals[key].targets.append((node, name))
    return sorted(proposals.values(), key=lambda proposal: proposal.form_field["type"] != "prompt_editor")


def form_of(proposals: list[Proposal]) -> Json:
    """Write proposals as a workflow's ``form``."""
    return {
        "config": {"groupOrder": ["main"], "componentGroup": "comfy"},
        "fields": [proposal.form_field for proposal in proposals],
    }


def inputs_by_node(proposals: list[Proposal]) -> Json:
    """Write proposals as a workflow's ``inputs``."""
    inputs: Json = {}
    for proposal in proposals:
        for node, name in proposal.targets:
            inputs.setdefault(node, {})[name] = {"value": proposal.form_field["id"], "is_required": proposal.required}
    return inputs


def _field(graph: Graph, roles: dict[str, str], node: str, name: str, value: Any) -> tuple[str, Json] | None:
    """Give what an input means and its field; None if it is nothing for a form."""
    if linked(value) is not None:
        return None
    class_type = graph[node]["class_type"]
    if isinstance(value, str):
        return _text_field(class_type, roles, node, name, value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > MAX_SEED:
        return None
    numbers: dict[str, Callable[[Any], Json]] = {
        "seed": _seed,
        "noise_seed": _seed,
        "steps": lambda given: _slider(given, 1, 150, 1),
        "cfg": lambda given: _slider(given, 0, 30, 0.1),
        "guidance": lambda given: _slider(given, 0, 100, 0.1),
        "denoise": lambda given: _slider(given, 0, 1, 0.01),
        "width": lambda given: _slider(given, 16, 4096, 8),
        "height": lambda given: _slider(given, 16, 4096, 8),
        "batch_size": lambda given: _slider(given, 1, 16, 1),
    }
    if name not in numbers:
        return None
    return ("seed" if name == "noise_seed" else name), numbers[name](value)


def _text_field(class_type: str, roles: dict[str, str], node: str, name: str, value: str) -> tuple[str, Json] | None:
    if name in TEXTS and ("Text" in class_type or "Prompt" in class_type or node in roles):
        role = "negative_prompt" if name == "negative_prompt" else roles.get(node, "prompt")
        return role, {"type": "prompt_editor"} | ({"default": value} if value else {})
    if name in FILES and class_type.startswith(UPLOADS):
        # No default: the file lies on the machine of whoever made the graph.
        return FILES[name], {"type": "image_loader", "required": True}
    options = {"sampler_name": SAMPLERS, "scheduler": SCHEDULERS}.get(name)
    if options is None or not value:
        return None
    return name, {"type": "select", "default": value, "options": [value, *(o for o in options if o != value)]}


def _seed(value: float) -> Json:
    # No default either: a seed that is not given is drawn anew for each generation.
    del value
    return {"type": "number", "constraints": {"min": 0, "max": MAX_SEED, "step": 1}}


def _slider(value: float, low: float, high: float, step: float) -> Json:
    limits = {"min": min(low, value), "max": max(high, value), "step": step}
    return {"type": "slider", "default": value, "constraints": limits}


def _text_roles(graph: Graph) -> dict[str, str]:
    """Tell prompts from negative ones: by the sampler's input to which a text leads."""
    roles: dict[str, str] = {}
    for role, name in (("negative_prompt", "negative"), ("prompt", "positive")):
        for node in _with_link(graph, name):
            # A text that leads to both is a prompt: it is set last.
            roles |= dict.fromkeys(upstream(graph, node, name), role)
    return roles


def _with_link(graph: Graph, name: str) -> Iterator[str]:
    for node, given, value in inputs_of(graph):
        if given == name and linked(value) is not None:
            yield node


def _unused(role: str, taken: set[str]) -> str:
    name, number = role, 1
    while name in taken:
        number += 1
        name = f"{role}_{number}"
    taken.add(name)
    return name
