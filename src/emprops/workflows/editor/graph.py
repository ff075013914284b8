"""A saved workflow as it is written: nodes, links, and the subgraphs that nodes may stand for. Pure.

Links are ``[id, from, output, to, input, type]`` in older files and within subgraphs objects; node ids are numbers or
texts. Both are read; here, ids are texts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

MUTED, BYPASSED = 2, 4
"""Modes of nodes that do not run; the second lets through what comes in."""
MAX_NODES = 2000
"""Nodes of a workflow, those of its subgraphs counted as often as they are used."""

MAX_TYPE = 500
"""Characters of the types that an input may take."""


class NotAnEditorGraphError(ValueError):
    """What was given is not formed like a saved workflow; the sentence says why."""


class Slot(NamedTuple):
    """An input or output of a node, as the file has it."""

    name: str
    type: str
    link: str | None = None
    widget: str | None = None
    """Name of the widget whose value this input takes the place of."""


@dataclass(frozen=True, eq=False)
class Node:
    """A node."""

    id: str
    type: str
    title: str
    mode: int
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    values: Any
    """``widgets_values``: a list, or an object by name."""
    names: tuple[str, ...]
    """Names of the members of that list, where newer editors have saved them; else empty."""
    properties: Mapping[str, Any]

    @cached_property
    def slots(self) -> Mapping[str, int]:
        """The number of each input, by its name and by that of its widget."""
        found: dict[str, int] = {}
        for number, slot in enumerate(self.inputs):
            found.setdefault(slot.name, number)
            if slot.widget is not None:
                found.setdefault(slot.widget, number)
        return found

    @property
    def first(self) -> Any:
        """The first of its values; None if there is none."""
        return self.values[0] if isinstance(self.values, list) and self.values else None


class Link(NamedTuple):
    """A connection."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A connection that the pack "Use Everywhere" makes, without a link."""

    link: Link
    type: str


@dataclass(frozen=True)
class Graph:
    """One canvas: the workflow itself, or the definition of a subgraph."""

    nodes: Mapping[str, Node]
    links: Mapping[str, Link]
    broadcasts: tuple["Broadcast", ...] = ()
    inputs: tuple[Slot, ...] = ()
    """Of a subgraph: what the node that stands for it takes …"""
    outputs: tuple[Slot, ...] = ()
    """… and gives."""
    input_id: str = ""
    """The id by which links within name the inputs above; empty for the workflow itself."""
    output_id: str = ""

    @cached_property
    def into_outputs(self) -> Mapping[int, Link]:
        """Of a subgraph: what leads to each of its outputs."""
        found: dict[int, Link] = {}
        links = [*self.links.values(), *(one.link for one in self.broadcasts)] if self.output_id else []
        for link in links:
            if link.target == self.output_id:
                found.setdefault(link.target_slot, link)
        return found

    @cached_property
    def widget_inputs(self) -> tuple[str, ...]:
        """Of a subgraph: the names of its inputs that lead to a widget, in order."""
        numbers = set()
        for node in self.nodes.values() if self.input_id else ():
            for slot in node.inputs:
                link = self.links.get(slot.link or "") if slot.widget is not None else None
                if link is not None and link.origin == self.input_id:
                    numbers.add(link.origin_slot)
        return tuple(slot.name for number, slot in enumerate(self.inputs) if number in numbers)

    @cached_property
    def linked(self) -> frozenset[str]:
        """Ids of the nodes that have a link to or from them."""
        return frozenset(end for link in self.links.values() for end in (link.origin, link.target))


@dataclass(frozen=True, slots=True)
class Workflow:
    """A saved workflow."""

    root: Graph
    subgraphs: Mapping[str, Graph] = field(default_factory=dict)
    """By id, which is the type of the nodes that stand for them."""


def is_editor_graph(data: Any) -> bool:
    """Return whether this is a saved workflow rather than a graph in API form."""
    return isinstance(data, dict) and isinstance(data.get("nodes"), list)


def read_workflow(data: Any) -> Workflow:
    """Read a saved workflow. Raises :class:`NotAnEditorGraphError`."""
    if not is_editor_graph(data):
        raise NotAnEditorGraphError("a saved workflow is an object with nodes and links")
    subgraphs = {str(content["id"]): _graph(content) for content in _definitions(data)}
    return Workflow(_graph(data), subgraphs)


def _definitions(data: Mapping[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    definitions = data.get("definitions")
    found = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    for content in found if isinstance(found, list) else ():
        if isinstance(content, dict) and is_editor_graph(content) and "id" in content and depth < MAX_NODES:
            yield content
            yield from _definitions(content, depth + 1)


def _graph(data: Mapping[str, Any]) -> Graph:
    nodes = [_node(content) for content in _objects(data.get("nodes"))]
    if len(nodes) > MAX_NODES:
        raise NotAnEditorGraphError(f"the workflow has {len(nodes)} nodes; at most {MAX_NODES} are taken")
    return Graph(
        nodes={node.id: node for node in nodes},
        links=dict(_links(data.get("links"))),
        broadcasts=tuple(_broadcasts(data.get("extra"))),
        inputs=_slots(data.get("inputs")),
        outputs=_slots(data.get("outputs")),
        input_id=_id_of(data.get("inputNode"), "-10") if "inputNode" in data else "",
        output_id=_id_of(data.get("outputNode"), "-20") if "outputNode" in data else "",
    )


def _node(content: Mapping[str, Any]) -> Node:
    kind, mode, title = content.get("type"), content.get("mode"), content.get("title")
    properties = content.get("properties")
    if "id" not in content or not isinstance(kind, str):
        raise NotAnEditorGraphError("each node needs an id and a type")
    return Node(
        id=str(content["id"])[:100],
        type=kind,
        title=title[:200] if isinstance(title, str) else "",
        mode=mode if isinstance(mode, int) else 0,
        inputs=_slots(content.get("inputs")),
        outputs=_slots(content.get("outputs")),
        values=content.get("widgets_values"),
        names=_names(content),
        properties=properties if isinstance(properties, dict) else {},
    )


def _names(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Read which name each saved value has. Two values of one name are one there, and the list cannot be told apart."""
    named, values = content.get("widgets_values_named"), content.get("widgets_values")
    if isinstance(named, dict) and isinstance(values, list) and len(named) == len(values):
        return tuple(named)
    return ()


def _slots(items: Any) -> tuple[Slot, ...]:
    slots = []
    for item in _objects(items):
        link, widget = item.get("link"), item.get("widget")
        name = widget.get("name") if isinstance(widget, dict) else None
        slots.append(
            Slot(
                name=str(item.get("name", "")),
                type=str(item.get("type", "*"))[:MAX_TYPE],
                link=None if link is None else str(link),
                widget=name if isinstance(name, str) else None,
            )
        )
    return tuple(slots)


def _links(items: Any) -> Iterator[tuple[str, Link]]:
    for item in items if isinstance(items, list) else ():
        match item:
            case [number, origin, origin_slot, target, target_slot, *_]:
                pass
            case {"id": number, "origin_id": origin, "origin_slot": origin_slot, "target_id": target}:
                target_slot = item.get("target_slot", 0)
            case _:
                continue
        try:
            yield str(number), Link(str(origin), int(origin_slot), str(target), int(target_slot))
        except (TypeError, ValueError, OverflowError):
            continue  # a link that leads nowhere is none; what needs it will be named


def _broadcasts(extra: Any) -> Iterator[Broadcast]:
    for item in _objects(extra.get("ue_links")) if isinstance(extra, dict) else ():
        match item:
            case {"upstream": origin, "upstream_slot": int(slot), "downstream": target, "downstream_slot": int(at)}:
                yield Broadcast(Link(str(origin), slot, str(target), at), str(item.get("type", "*")))


def _objects(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _id_of(node: Any, usual: str) -> str:
    return str(node.get("id", usual)) if isinstance(node, dict) else usual
