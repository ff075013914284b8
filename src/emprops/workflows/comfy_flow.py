"""What leads where in a ComfyUI graph: which nodes run, what a value is used for, which texts are negative. Pure.

A switch whose position is set runs one of its sides. Nodes that only hand a value on (primitives, switches, string and
math utilities) stand for what uses it. From a sampler back to the texts, an output leads to the input of its name:
``positive`` stays ``positive`` through every node that has both.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from emprops.connectors.comfyui.catalogue import Catalogue, Input
from emprops.workflows.comfy_graph import Graph, inputs_of, linked

Side = Literal["positive", "negative"]
Way = Literal["straight", "text", "math"]

HANDS_ON: Mapping[str, Way] = {
    **dict.fromkeys(("Primitive", "ComfySwitchNode", "Any Switch", "Reroute", "PreviewAny"), "straight"),
    **dict.fromkeys(("String", "Regex", "Text Concatenate", "JoinStrings"), "text"),
    **dict.fromkeys(("ComfyMathExpression", "MathExpression", "SimpleMath", "ComfyNumberConvert"), "math"),
}
"""How the classes begin that hand a value on, and what they do with it."""
NO_TEXT = frozenset({"find", "regex_pattern", "pattern", "delimiter", "substring", "switch"})
"""Inputs of those that say how, not what."""
TEMPLATES = ("StringReplace", "RegexReplace")
"""They put ``replace`` into ``string``; where the former is linked, a text at the latter is a template."""
SWITCH = "ComfySwitchNode"
MAX_HANDS = 50
"""Nodes that a value is followed through."""
NO_NOISE = "DisableNoise"
NO_PROMPT = "ConditioningZeroOut"
"""Makes of any text none."""
MATERIAL = (
    *(
        "model",
        "clip",
        "vae",
        "image",
        "pixels",
        "mask",
        "video",
        "audio",
        "latent",
        "samples",
        "control",
        "style_model",
    ),
    *("clip_vision", "noise", "sampler", "sigmas", "upscale", "gligen", "ipadapter", "reference", "track", "camera"),
)
"""How inputs begin that no text comes through."""
SIDES: tuple[Side, ...] = ("negative", "positive")
"""How the inputs of samplers begin that take a text; what leads to both is the last."""


@dataclass(frozen=True, slots=True)
class Use:
    """An input that a node's value reaches, and what happens to it on the way."""

    node: str
    input: str
    way: Way


def uses_by_node(graph: Graph) -> Mapping[str, list[tuple[str, str]]]:
    """Return for each node the inputs that take its outputs: node and input."""
    uses: dict[str, list[tuple[str, str]]] = {}
    for node, name, value in inputs_of(graph):
        source = linked(value)
        if source is not None:
            uses.setdefault(source, []).append((node, name))
    return uses


def running(graph: Graph, classes: Catalogue) -> set[str]:
    """Return the nodes that something comes of: those that lead to an output, past the sides that switches leave out.

    A node that no other uses is an output unless its class says that it is none.
    """
    used = uses_by_node(graph)
    wanted = [node for node, content in graph.items() if _is_output(content["class_type"], classes, node not in used)]
    wanted = wanted or [node for node in graph if node not in used]
    reached = set(wanted)
    while wanted:
        node = wanted.pop()
        off = _left_out(graph, node)
        sources = {linked(value) for name, value in graph[node].get("inputs", {}).items() if name != off}
        new = {source for source in sources if source is not None} - reached
        reached |= new
        wanted += new
    return reached


def _is_output(class_type: str, classes: Catalogue, seems_so: bool) -> bool:
    known = classes.get(class_type)
    return seems_so if known is None else known.is_output


def _left_out(graph: Graph, node: str) -> str | None:
    """Return the input of a switch that its position leaves out."""
    if graph[node]["class_type"] != SWITCH:
        return None
    position = _literal(graph, graph[node].get("inputs", {}).get("switch"))
    return None if not isinstance(position, bool) else "on_false" if position else "on_true"


def _literal(graph: Graph, value: Any, hops: int = 5) -> Any:
    source = linked(value)
    if source is None or not hops:
        return value
    is_primitive = graph[source]["class_type"].startswith("Primitive")
    return _literal(graph, graph[source].get("inputs", {}).get("value"), hops - 1) if is_primitive else None


@lru_cache(maxsize=1000)
def way_of(class_type: str) -> Way | None:
    """Return what a class does with the value it hands on; None if it does something of its own."""
    return next((way for beginning, way in HANDS_ON.items() if class_type.startswith(beginning)), None)


def uses_of(graph: Graph, used: Mapping[str, list[tuple[str, str]]], node: str, within: set[str]) -> Iterator[Use]:
    """Yield the inputs that a node's value reaches, nearest first, through nodes that hand it on."""
    waiting: deque[tuple[str, Way]] = deque([(node, "straight")])
    seen = {node}
    while waiting and len(seen) <= MAX_HANDS:
        at, way = waiting.popleft()
        for user, name in used.get(at, ()):
            further = way_of(graph[user]["class_type"])
            if user not in within or name == _left_out(graph, user):
                continue
            if further is None:
                yield Use(user, name, way)
            elif user not in seen and name not in NO_TEXT and not (at == node and _is_template(graph, user, name)):
                seen.add(user)
                waiting.append((user, way if further == "straight" else further))


def _is_template(graph: Graph, node: str, name: str) -> bool:
    fills = linked(graph[node].get("inputs", {}).get("replace")) is not None
    return name == "string" and fills and graph[node]["class_type"].startswith(TEMPLATES)


def sides(graph: Graph, classes: Catalogue) -> Mapping[str, Side]:
    """Return for which side of a sampler the texts of nodes are; a text that leads to both is positive."""
    found: dict[str, Side] = {}
    for side in SIDES:
        found |= dict.fromkeys(_leading_to(graph, classes, side), side)
    return found


def _leading_to(graph: Graph, classes: Catalogue, side: Side) -> Iterator[str]:
    waiting = [value for _, name, value in inputs_of(graph) if _side(name) == side]
    seen: set[tuple[str, int]] = set()
    while waiting:
        value = waiting.pop()
        source = linked(value)
        if source is None or (source, value[1]) in seen or graph[source]["class_type"] == NO_PROMPT:
            continue
        seen.add((source, value[1]))
        yield source
        waiting += [graph[source]["inputs"][name] for name in _back(graph, source, value[1], side, classes)]


def _side(name: str) -> Side | None:
    return next((side for side in SIDES if name.lower().startswith(side)), None)


def _back(graph: Graph, node: str, slot: int, side: Side, classes: Catalogue) -> Iterable[str]:
    """Return the inputs of a node that a text at one of its outputs may come from."""
    names = [name for name in graph[node].get("inputs", {}) if not name.lower().startswith(MATERIAL)]
    named = {name: _side(name) for name in names if _side(name)}
    if len(set(named.values())) < len(SIDES):
        return names
    known = classes.get(graph[node]["class_type"])
    output = known.outputs[slot] if known is not None and slot < len(known.outputs) else ""
    wanted = _side(output) or side
    return [name for name, its_side in named.items() if its_side == wanted]


def idle(graph: Graph) -> set[str]:
    """Return the nodes that set up only passes without noise, which refine or read a picture but make none."""
    quiet, loud = set[str](), set[str]()
    for node, name, value in inputs_of(graph):
        source = linked(value)
        if name == "noise" and source is not None:
            (quiet if graph[source]["class_type"] == NO_NOISE else loud).update(_set_up(graph, node))
    return quiet - loud


def _set_up(graph: Graph, node: str) -> set[str]:
    found: set[str] = set()
    waiting = [node]
    while waiting:
        inputs = graph[waiting.pop()].get("inputs", {})
        sources = {linked(inputs.get(name)) for name in ("sampler", "sigmas", "guider")}
        new = {source for source in sources if source is not None} - found
        found |= new
        waiting += new
    return found


def fact_of(classes: Catalogue, content: Mapping[str, Any], name: str) -> Input | None:
    """Return what is known of a node's input; None if nothing is."""
    known = classes.get(content["class_type"])
    waiting = list(known.inputs) if known is not None else []
    for one in waiting:  # grows as choices bring further inputs
        if one.name == name:
            return one
        waiting += one.nested.get(str(content.get("inputs", {}).get(one.name)), ())
    return None
