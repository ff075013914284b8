"""Where an input of a saved workflow's node really comes from: through reroutes, bypassed nodes and subgraphs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.workflows.editor.graph import (
    BYPASSED,
    MUTED,
    Broadcast,
    Graph,
    Link,
    Node,
    NotAnEditorGraphError,
    Workflow,
)
from emprops.workflows.editor.layout import Canvas

REROUTES = frozenset({"Reroute", "Reroute (rgthree)"})
PRIMITIVE = "PrimitiveNode"
SETTER, GETTER = "SetNode", "GetNode"
"""A pair of nodes (KJNodes) that are connected by the name in them."""
BROADCASTERS = frozenset({"Anything Everywhere", "Anything Everywhere?", "Anything Everywhere3", "Prompts Everywhere"})
"""Nodes ("Use Everywhere") that connect what comes in to every open input of its type."""
RGTHREE = ("Label", "Bookmark", "Fast Muter", "Fast Bypasser", "Fast Groups Muter", "Fast Groups Bypasser")
DECORATION = frozenset({"Note", "MarkdownNote", *(f"{name} (rgthree)" for name in RGTHREE)})
HELPERS = frozenset(
    {"Fast Actions Button (rgthree)", "Random Unmuter (rgthree)", "Node Collector (rgthree)"}
    | {"Mute / Bypass Repeater (rgthree)", "Mute / Bypass Relay (rgthree)"}
)
"""Nodes that change the workflow while one works in the editor."""
VIRTUAL = REROUTES | DECORATION | HELPERS | BROADCASTERS | {PRIMITIVE, SETTER, GETTER}
"""What is in the editor only."""
ANY = ("", "*", "0")
"""Types that go with every type."""
MAX_HOPS = 200
"""Nodes between an input and where it comes from, after which it is taken to go in a circle."""
MAX_STEPS = 100_000
"""Steps from node to node, all inputs together."""


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


class _Entry(NamedTuple):
    """An input of a node, by name, wanted as a type."""

    canvas: Canvas
    node: Node
    name: str
    type: str


class _Exit(NamedTuple):
    """An output of a node, wanted as a type."""

    canvas: Canvas
    node: Node
    slot: int
    type: str


_Place = _Entry | _Exit | Source | None


class Wiring:
    """Follows the links of one workflow, from an input back to what it gets."""

    def __init__(self, workflow: Workflow, catalogue: Catalogue) -> None:
        self._workflow = workflow
        self._catalogue = catalogue
        self._setters: dict[int, dict[Any, Node]] = {}
        self._broadcasts: dict[int, dict[tuple[str, str], Link]] = {}
        self._found: dict[_Exit, Source | None] = {}
        self._steps = 0

    def source_of(self, canvas: Canvas, node: Node, name: str) -> Source | None:
        """Find where an input comes from; None if from nowhere, or from something that does not run.

        Raises :class:`NotAnEditorGraphError` if finding them all takes too long.
        """
        link = self._into(canvas, node, name)
        if link is None:
            return None
        number = node.slots.get(name)
        place = self._from(canvas, link, "" if number is None else node.inputs[number].type)
        passed: list[_Exit] = []
        while isinstance(place, (_Exit, _Entry)) and len(passed) < MAX_HOPS:
            if isinstance(place, _Entry):
                place = self._before(place)
            elif place in self._found:
                place = self._found[place]
            else:
                passed.append(place)
                place = self._behind(place)
        source = None if isinstance(place, (_Exit, _Entry)) else place
        self._found.update(dict.fromkeys(passed, source))
        return source

    def is_linked(self, canvas: Canvas, node: Node, name: str) -> bool:
        """Whether something is connected to an input, be it muted or missing."""
        number = node.slots.get(name)
        return (number is not None and node.inputs[number].link is not None) or self._into(
            canvas, node, name
        ) is not None

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise NotAnEditorGraphError("its links lead through too many reroutes, subgraphs and named connections")

    def _into(self, canvas: Canvas, node: Node, name: str) -> Link | None:
        self._spend(1)
        number = node.slots.get(name)
        link = None if number is None else canvas.graph.links.get(node.inputs[number].link or "")
        if canvas.graph.broadcasts:
            origin = None if link is None else canvas.graph.nodes.get(link.origin)
            if link is None or (origin is not None and origin.mode in (MUTED, BYPASSED)):
                link = self._broadcasts_of(canvas.graph).get((node.id, name), link)
        return link

    def _before(self, entry: _Entry) -> _Place:
        link = self._into(entry.canvas, entry.node, entry.name)
        return None if link is None else self._from(entry.canvas, link, entry.type)

    def _from(self, canvas: Canvas, link: Link, kind: str) -> _Place:
        """Go to where a link begins: a node, or what is connected to the subgraph's host.

        A host that is not connected gives the value that it shows, which the host around it may show in turn.
        """
        shown: Literal | None = None
        while canvas.host is not None and canvas.around is not None and link.origin == canvas.graph.input_id:
            if not 0 <= link.origin_slot < len(canvas.graph.inputs):
                return None
            name = canvas.graph.inputs[link.origin_slot].name
            shown = Literal(canvas.shown[name]) if name in canvas.shown else shown
            outer = self._into(canvas.around, canvas.host, name)
            if outer is None:
                return shown
            canvas, link = canvas.around, outer
        origin = canvas.graph.nodes.get(link.origin)
        return None if origin is None else _Exit(canvas, origin, link.origin_slot, kind)

    def _behind(self, exit_: _Exit) -> _Place:
        canvas, node = exit_.canvas, exit_.node
        if node.type == PRIMITIVE:  # whatever its mode, the editor has set the value
            value = canvas.overrides.get(node.id, {}).get("value", node.first)
            return None if value is None else Literal(value)
        if node.mode in (MUTED, BYPASSED):
            return self._let_through(exit_) if node.mode == BYPASSED else None
        if node.id in canvas.inner:
            inner = canvas.inner[node.id]
            link = inner.graph.into_outputs.get(exit_.slot)
            return None if link is None else self._from(inner, link, exit_.type)
        return self._through(exit_) if node.type in VIRTUAL else Output(canvas.id_of(node), exit_.slot)

    def _through(self, exit_: _Exit) -> _Entry | None:
        """Go through a node that is in the editor only."""
        node = exit_.node
        if node.type == GETTER:
            return self._named_elsewhere(exit_)
        if node.type not in REROUTES and node.type != SETTER:
            return None
        return _Entry(exit_.canvas, node, node.inputs[0].name, exit_.type) if node.inputs else None

    def _let_through(self, exit_: _Exit) -> _Entry | None:
        """Choose the input that takes an output's place when its node is bypassed: that of its number, if it fits."""
        inputs = self._inputs_of(exit_.node)
        self._spend(len(inputs))
        outputs = exit_.node.outputs
        given = outputs[exit_.slot].type if 0 <= exit_.slot < len(outputs) else ""
        opposite = inputs[exit_.slot : exit_.slot + 1] if exit_.slot >= 0 else []
        if exit_.type in ANY:
            fitting = opposite or inputs
        else:
            exact = [one for one in inputs if one[1] == exit_.type]
            fitting = [one for one in inputs if alike(one[1], given) and alike(one[1], exit_.type)]
            fitting = [one for one in opposite if one in fitting] or exact or fitting
        return _Entry(exit_.canvas, exit_.node, *fitting[0]) if fitting else None

    def _inputs_of(self, node: Node) -> list[tuple[str, str]]:
        """Return the names and types of a node's inputs as the editor has them: those of its class (first what can only
        be linked, then widgets) or subgraph, and what else the file has."""
        definition, node_class = self._workflow.subgraphs.get(node.type), self._catalogue.get(node.type)
        known: dict[str, str] = {}
        if definition is not None:
            known = {slot.name: slot.type for slot in definition.inputs}
        elif node_class is not None:
            ordered = sorted(node_class.inputs, key=lambda one: one.widget)
            known = {one.name: one.type for one in ordered if not one.type.startswith("COMFY_")}
        return list((known | {slot.name: slot.type for slot in node.inputs if slot.name not in known}).items())

    def _named_elsewhere(self, getter: _Exit) -> _Entry | None:
        name, canvas = getter.node.first, getter.canvas
        if not isinstance(name, (str, int, float)):
            return None
        while True:
            setter = self._setters_of(canvas.graph).get(name)
            if setter is not None:
                return _Entry(canvas, setter, setter.inputs[0].name, getter.type)
            if canvas.around is None:
                return None
            canvas = canvas.around

    def _setters_of(self, graph: Graph) -> Mapping[Any, Node]:
        found = self._setters.get(id(graph))
        if found is None:
            found = self._setters[id(graph)] = {}
            for node in sorted(graph.nodes.values(), key=lambda node: node.mode == MUTED):
                if node.type == SETTER and node.inputs and isinstance(node.first, (str, int, float)):
                    found.setdefault(node.first, node)
        return found

    def _broadcasts_of(self, graph: Graph) -> Mapping[tuple[str, str], Link]:
        found = self._broadcasts.get(id(graph))
        if found is None:
            found = self._broadcasts[id(graph)] = {}
            for one in graph.broadcasts:
                node = graph.nodes.get(one.link.target)
                name = None if node is None else self._broadcast_to(node, one)
                if name is not None:
                    found[one.link.target, name] = one.link
        return found

    def _broadcast_to(self, node: Node, one: Broadcast) -> str | None:
        at = one.link.target_slot
        saved = node.inputs[at : at + 1] if at >= 0 and node.type not in self._workflow.subgraphs else ()
        if saved and saved[0].link is None and alike(saved[0].type, one.type):
            return saved[0].name  # the file has left out open widgets, which come last
        inputs = self._inputs_of(node)
        self._spend(len(inputs))
        return inputs[at][0] if 0 <= at < len(inputs) else None


def alike(one: str, other: str) -> bool:
    """Whether the editor lets an output of one type lead to an input of the other."""
    return one in ANY or other in ANY or not set(one.lower().split(",")).isdisjoint(other.lower().split(","))
