"""Where the values of a graph's nodes are in a workflow as ComfyUI's editor saves it. Pure.

The editor saves a node's values as a list in the order of its class, with values of its own between, or by name. What
is not understood for sure is left as it was saved: a wrong place would make the workflow another one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from emprops.connectors.comfyui.catalogue import Catalogue, Input, NodeClass
from emprops.connectors.comfyui.problems import Graph

FIXED = "fixed"
"""What becomes of a seed after a run in the editor: nothing, as the value in the result is the one that made it."""
ONLY_SHOWN = "$$"
"""How names of widgets begin that hold no value."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list of saved values: that of an input, or the editor's own."""

    name: str | None
    filler: Any = None


def is_link(value: Any) -> bool:
    """Return whether an input's value in API form is a link: ``[node, output]``."""
    match value:
        case [str(), int()]:
            return True
    return False


def literals(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a node's inputs in API form, without links."""
    found = {name: value for name, value in inputs.items() if not is_link(value)}
    # how a value that is a list is told apart from a link
    wrapped = {
        name: value["__value__"]
        for name, value in found.items()
        if isinstance(value, dict) and value.keys() == {"__value__"}
    }
    return found | wrapped


def places(known: NodeClass, values: Mapping[str, Any], *, button: bool = True) -> list[Place]:
    """List the places of a class's values; choices bring further ones. ``button``: that of an upload has one, too."""
    found = [place for one in known.inputs if one.required for place in _places(one, values)]
    uploads = [one.upload for one in known.inputs if one.upload]
    if uploads and button:
        found.append(Place(None, uploads[0]))
    return found + [place for one in known.inputs if not one.required for place in _places(one, values)]


def _places(one: Input, values: Mapping[str, Any]) -> Iterator[Place]:
    if not one.widget:
        return
    yield Place(one.name)
    if one.control:
        yield Place(None, FIXED)
    for inner in one.nested.get(str(values.get(one.name, one.default)), ()):
        yield from _places(inner, values)


def fill(saved: dict[str, Any], graph: Graph, classes: Catalogue) -> dict[str, Any]:
    """Write the values of this run into the workflow that its graph was made of; return it."""
    held = saved.get("definitions")
    subgraphs = held.get("subgraphs") if isinstance(held, dict) else None
    definitions = {str(one.get("id")): one for one in _objects(subgraphs)}
    canvases = [saved, *definitions.values()]
    uses = Counter(str(node.get("type")) for canvas in canvases for node in _objects(canvas.get("nodes")))
    _fill_canvas(saved, "", _Filling(graph, classes, definitions, uses))
    return saved


@dataclass(frozen=True, slots=True)
class _Filling:
    graph: Graph
    classes: Catalogue
    definitions: Mapping[str, dict[str, Any]]
    uses: Mapping[str, int]

    def values(self, node: str) -> dict[str, Any]:
        content = self.graph.get(node)
        return literals(content["inputs"]) if content is not None else {}


def _fill_canvas(canvas: dict[str, Any], prefix: str, filling: _Filling) -> None:
    for node in _objects(canvas.get("nodes")):
        name, kind = f"{prefix}{node.get('id')}", str(node.get("type"))
        definition = filling.definitions.get(kind)
        if definition is None:
            content = filling.graph.get(name)
            if content is not None and content["class_type"] == kind:
                _fill_node(node, filling.values(name), filling.classes.get(kind))
            continue
        _fill_host(node, definition, name, filling)
        if filling.uses[kind] == 1:  # else the values within are those of several nodes
            _fill_canvas(definition, f"{name}:", filling)


def _fill_node(node: dict[str, Any], values: Mapping[str, Any], known: NodeClass | None) -> None:
    held, named = node.get("widgets_values"), node.get("widgets_values_named")
    if isinstance(held, dict):
        held |= {name: values[name] for name in held if name in values}
    elif isinstance(held, list) and isinstance(named, dict) and len(named) == len(held):
        _put(held, [Place(name) for name in named], values)
    elif isinstance(held, list) and known is not None:
        ways = [places(known, values, button=button) for button in (True, False)]
        fitting = [way for way in ways if len(way) == len(held)]
        if fitting:
            _put(held, fitting[0], values)
    if isinstance(named, dict):
        named |= {name: values[name] for name in named if name in values}


def _put(held: list[Any], way: list[Place], values: Mapping[str, Any]) -> None:
    for at, place in enumerate(way):
        if place.name is not None and place.name in values:
            held[at] = values[place.name]


def _fill_host(host: dict[str, Any], definition: dict[str, Any], name: str, filling: _Filling) -> None:
    """Fill the node that stands for a subgraph: it shows values of the nodes within."""
    held, named = host.get("widgets_values"), host.get("widgets_values_named")
    shown = _shown(host, definition, held)
    inner = [(at, filling.values(f"{name}:{node}"), widget) for at, (node, widget) in enumerate(shown)]
    if isinstance(held, list):
        for at, values, widget in inner:
            if at < len(held) and widget in values:
                held[at] = values[widget]
    if isinstance(named, dict) and isinstance(held, list) and len(named) == len(held):
        host["widgets_values_named"] = dict(zip(named, held, strict=True))


def _shown(host: dict[str, Any], definition: dict[str, Any], held: Any) -> list[tuple[str, str]]:
    """List the widgets within that a host's values belong to: (node, widget)."""
    properties = host.get("properties")
    said = properties.get("proxyWidgets") if isinstance(properties, dict) else None
    if isinstance(said, str):
        try:
            said = orjson.loads(said)
        except orjson.JSONDecodeError:
            said = None
    targets = _targets(definition)
    if not isinstance(said, list):
        return list(targets.values())
    pairs = [(str(one[0]), str(one[1])) for one in said if isinstance(one, list) and len(one) == 2]
    if not isinstance(held, list) or len(pairs) != len(held):
        pairs = [one for one in pairs if not one[1].startswith(ONLY_SHOWN)]
    return [targets.get(widget, (node, widget)) if node == "-1" else (node, widget) for node, widget in pairs]


def _targets(definition: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Find the widget that each input of a subgraph leads to, by the input's name and in their order."""
    within: dict[str, tuple[str, str]] = {}
    for node in _objects(definition.get("nodes")):
        for slot in _objects(node.get("inputs")):
            widget = slot.get("widget")
            if isinstance(widget, dict) and slot.get("link") is not None:
                within.setdefault(str(slot["link"]), (str(node.get("id")), str(widget.get("name"))))
    input_node = definition.get("inputNode")
    entrance = input_node.get("id") if isinstance(input_node, dict) else None
    led: dict[int, tuple[str, str]] = {}
    for link in _objects(definition.get("links")):
        if link.get("origin_id") == entrance and str(link.get("id")) in within:
            led.setdefault(link.get("origin_slot", 0), within[str(link["id"])])
    inputs = enumerate(_objects(definition.get("inputs")))
    return {str(entry.get("name")): led[at] for at, entry in inputs if at in led}


def _objects(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
