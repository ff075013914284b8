"""Where an input of a saved workflow's node really comes from: through reroutes, bypassed nodes and subgraphs. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from emprops.workflows.editor.graph import BYPASSED, MAX_NODES, MUTED, Graph, Node, NotAnEditorGraphError, Workflow

REROUTES = frozenset({"Reroute", "Reroute (rgthree)"})
PRIMITIVE = "PrimitiveNode"
SETTER, GETTER = "SetNode", "GetNode"
"""A pair of nodes (KJNodes) that are connected by the name in them."""
DECORATION = frozenset(
    {"Note", "MarkdownNote", "Label (rgthree)", "Bookmark (rgthree)", "Fast Groups Bypasser (rgthree)"}
    | {"Fast Groups Muter (rgthree)", "Fast Bypasser (rgthree)", "Fast Muter (rgthree)"}
)
MAX_HOPS = 200
"""Nodes between an input and where it comes from, after which it is taken to go in a circle."""
VIRTUAL = REROUTES | DECORATION | {PRIMITIVE, SETTER, GETTER}
"""What is in the editor only."""
BY_INPUT = "-1"
"""In the list of a subgraph's shown widgets: one that belongs to an input of the subgraph."""


@dataclass(frozen=True, slots=True)
class Output:
    """An output of a node that runs."""

    node: str
    slot: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is set elsewhere than in the node itself."""

    value: Any


Source = Output | Literal


@dataclass(frozen=True)
class Canvas:
    """A graph where it is used: the workflow, or a subgraph in the place of one node."""

    graph: Graph
    path: tuple[str, ...] = ()
    around: "Canvas | None" = None
    """The canvas that has the node which this stands for …"""
    node: Node | None = None
    """… and that node."""
    inner: dict[str, "Canvas"] = field(default_factory=dict)
    overrides: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    """Values that the standing node shows in place of those within: by node and widget."""

    def id_of(self, node: Node) -> str:
        """The node's id in API form."""
        return ":".join((*self.path, node.id))


def laid_out(workflow: Workflow) -> list[Canvas]:
    """Give the canvas of the workflow and those of all subgraphs that run, the outer before the inner.

    Raises :class:`NotAnEditorGraphError` if a subgraph contains itself, or all is too much.
    """
    canvases, total = [Canvas(workflow.root)], 0
    for canvas in canvases:  # grows as it is walked
        total += len(canvas.graph.nodes)
        if total > MAX_NODES or len(canvas.path) > 20:
            raise NotAnEditorGraphError(f"with its subgraphs, the workflow has more than {MAX_NODES} nodes")
        for node in canvas.graph.nodes.values():
            definition = workflow.subgraphs.get(node.type)
            if definition is not None and node.mode not in (MUTED, BYPASSED):
                path = (*canvas.path, node.id)
                inner = Canvas(definition, path, canvas, node, overrides=_overrides(node, definition))
                canvas.inner[node.id] = inner
                canvases.append(inner)
    return canvases


def _overrides(node: Node, definition: Graph) -> dict[tuple[str, str], Any]:
    """Read the values that a node shows for widgets of its subgraph."""
    values = node.values if isinstance(node.values, list) else []
    shown = node.properties.get("proxyWidgets")
    if isinstance(shown, list):
        names = [(str(one[0]), str(one[1])) for one in shown if isinstance(one, list) and len(one) >= 2]
    else:
        names = [(BY_INPUT, slot.name) for slot in node.inputs if slot.widget]
    if len(names) != len(values):
        return {}  # the nodes within have their values, too
    found = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    for slot_number, slot in enumerate(definition.inputs):
        if (BY_INPUT, slot.name) in found:
            for target, widget in _targets(definition, slot_number):
                found[target, widget] = found[BY_INPUT, slot.name]
    return {name: value for name, value in found.items() if name[0] != BY_INPUT}


def _targets(definition: Graph, slot_number: int) -> Iterator[tuple[str, str]]:
    for link in definition.links.values():
        target = definition.nodes.get(link.target)
        if (link.origin, link.origin_slot) != (definition.input_id, slot_number) or target is None:
            continue
        for slot in target.inputs[link.target_slot : link.target_slot + 1]:
            yield target.id, slot.widget or slot.name


def source_of(canvas: Canvas, node: Node, slot: int, kind: str = "", depth: int = 0) -> Source | None:
    """Find where an input comes from; None if from nowhere, or from something that does not run.

    ``kind``: the type that is wanted, where it is known better than the input knows it.
    """
    if depth > MAX_HOPS or not 0 <= slot < len(node.inputs):
        return None
    link = canvas.graph.links.get(node.inputs[slot].link or "")
    if link is None:
        return None
    kind = kind or node.inputs[slot].type
    if canvas.graph.input_id and link.origin == canvas.graph.input_id:
        return _from_outside(canvas, link.origin_slot, kind, depth + 1)
    origin = canvas.graph.nodes.get(link.origin)
    return None if origin is None else _output_of(canvas, origin, link.origin_slot, kind, depth + 1)


def _from_outside(canvas: Canvas, slot_number: int, kind: str, depth: int) -> Source | None:
    if canvas.around is None or canvas.node is None or slot_number >= len(canvas.graph.inputs):
        return None
    name = canvas.graph.inputs[slot_number].name
    names = [slot.name for slot in canvas.node.inputs]
    outer = names.index(name) if name in names else slot_number
    return source_of(canvas.around, canvas.node, outer, kind, depth)


def _output_of(canvas: Canvas, node: Node, slot: int, kind: str, depth: int) -> Source | None:
    found: Source | None = None
    if node.mode == MUTED:
        pass
    elif node.mode == BYPASSED:
        through = _let_through(node, slot, kind)
        found = None if through is None else source_of(canvas, node, through, kind, depth)
    elif node.type in REROUTES or node.type == SETTER:
        found = source_of(canvas, node, 0, kind, depth)
    elif node.type == GETTER:
        found = _named_elsewhere(canvas, node, kind, depth)
    elif node.type == PRIMITIVE:
        found = Literal(_first(node))
    elif node.id in canvas.inner:
        found = _from_inside(canvas.inner[node.id], slot, kind, depth)
    else:
        found = Output(canvas.id_of(node), slot)
    return found


def _let_through(node: Node, slot: int, kind: str) -> int | None:
    """Choose the input that takes an output's place when its node is bypassed: the one beside it, if it is alike."""
    wanted = kind if kind not in ("", "*") else node.outputs[slot].type if slot < len(node.outputs) else kind
    if slot < len(node.inputs) and _alike(node.inputs[slot].type, wanted):
        return slot
    exact = [number for number, one in enumerate(node.inputs) if one.type == wanted]
    alike = [number for number, one in enumerate(node.inputs) if _alike(one.type, wanted)]
    return next(iter([*exact, *alike]), None)


def _alike(one: str, other: str) -> bool:
    kinds = set(one.upper().split(","))
    return one in ("*", "") or other in ("*", "") or bool(kinds & set(other.upper().split(",")))


def _named_elsewhere(canvas: Canvas | None, getter: Node, kind: str, depth: int) -> Source | None:
    name = _first(getter)
    while canvas is not None and name is not None:
        for node in canvas.graph.nodes.values():
            if node.type == SETTER and _first(node) == name and node.mode != MUTED:
                return source_of(canvas, node, 0, kind, depth)
        canvas = canvas.around
    return None


def _first(node: Node) -> Any:
    return node.values[0] if isinstance(node.values, list) and node.values else None


def _from_inside(inner: Canvas, slot: int, kind: str, depth: int) -> Source | None:
    for link in inner.graph.links.values():
        if link.target == inner.graph.output_id and link.target_slot == slot:
            if link.origin == inner.graph.input_id:
                return _from_outside(inner, link.origin_slot, kind, depth)
            origin = inner.graph.nodes.get(link.origin)
            return None if origin is None else _output_of(inner, origin, link.origin_slot, kind, depth + 1)
    return None
