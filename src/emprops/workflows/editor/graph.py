"""A saved workflow as it is written: nodes, links, and the subgraphs that nodes may stand for. Pure.

Links are ``[id, from, output, to, input, type]`` in older files and within subgraphs objects; node ids are numbers or
texts. Both are read; here, ids are texts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MUTED, BYPASSED = 2, 4
"""Modes of nodes that do not run; the second lets through what comes in."""
MAX_NODES = 2000
"""Nodes of a workflow, those of its subgraphs counted as often as they are used."""


class NotAnEditorGraphError(ValueError):
    """What was given is not formed like a saved workflow; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An input or output of a node, as the file has it."""

    name: str
    type: str
    link: str | None = None
    widget: str | None = None
    """Name of the widget whose value this input takes the place of."""


@dataclass(frozen=True, slots=True)
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
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """A connection."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass(frozen=True, slots=True)
class Graph:
    """One canvas: the workflow itself, or the definition of a subgraph."""

    nodes: Mapping[str, Node]
    links: Mapping[str, Link]
    inputs: tuple[Slot, ...] = ()
    """Of a subgraph: what the node that stands for it takes …"""
    outputs: tuple[Slot, ...] = ()
    """… and gives."""
    input_id: str = ""
    """The id by which links within name the inputs above; empty for the workflow itself."""
    output_id: str = ""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A saved workflow."""

    root: Graph
    subgraphs: Mapping[str, Graph] = field(default_factory=dict)
    """By id, which is the type of the nodes that stand for them."""


def is_editor_graph(data: Any) -> bool:
    """Tell whether this is a saved workflow rather than a graph in API form."""
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
        properties=properties if isinstance(properties, dict) else {},
    )


def _slots(items: Any) -> tuple[Slot, ...]:
    slots = []
    for item in _objects(items):
        link, widget = item.get("link"), item.get("widget")
        name = widget.get("name") if isinstance(widget, dict) else None
        slots.append(
            Slot(
                name=str(item.get("name", "")),
                type=str(item.get("type", "*")),
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
        except (TypeError, ValueError):
            continue  # a link that leads nowhere is none; what needs it will be named


def _objects(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _id_of(node: Any, usual: str) -> str:
    return str(node.get("id", usual)) if isinstance(node, dict) else usual
