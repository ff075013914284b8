"""The workflow that is sent along with a graph, as ComfyUI's editor does: nodes read it and write into it, and results
carry it. Pure.

It is the one that the graph was made of, with this run's values in it, or else one that is made of the graph.
"""

import base64
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from emprops.connectors.comfyui.catalogue import Catalogue, Input, NodeClass
from emprops.connectors.comfyui.editor_values import fill, is_link, literals, places
from emprops.connectors.comfyui.problems import Graph, title_in

SAVED = "saved_workflow"
"""Where a ticket's payload has the workflow that its graph was made of."""
MAX_PACKED = 64 * 1024
"""Bytes; the largest of ComfyUI's own templates takes a third of that."""
MAX_UNPACKED = 16 * 1024 * 1024
MAX_DIGITS = 16
"""Longer ids are no numbers to the editor."""
COLUMN, ROW = 400, 220
"""Distances between nodes, in pixels."""


def pack(workflow: Mapping[str, Any]) -> bytes | None:
    """Write a saved workflow small; None if that would still be too large to travel with every job."""
    packed = zlib.compress(orjson.dumps(workflow), level=9)
    return packed if len(packed) <= MAX_PACKED else None


def as_text(packed: bytes) -> str:
    """Write a packed workflow so that a ticket can carry it."""
    return base64.b64encode(packed).decode()


def unpack(text: Any) -> dict[str, Any] | None:
    """Read what :func:`as_text` wrote; None if it is anything else."""
    try:
        workflow = orjson.loads(zlib.decompressobj().decompress(base64.b64decode(text), MAX_UNPACKED))
    except (TypeError, ValueError, zlib.error):
        return None
    return workflow if isinstance(workflow, dict) and isinstance(workflow.get("nodes"), list) else None


def for_run(payload: Mapping[str, Any], graph: Graph, classes: Catalogue) -> dict[str, Any]:
    """Return the workflow to send along with a graph: the one in the ticket's payload, or one that is made."""
    saved = unpack(payload[SAVED]) if SAVED in payload else None
    return made_of(graph, classes) if saved is None else fill(saved, graph, classes)


def made_of(graph: Graph, classes: Catalogue) -> dict[str, Any]:
    """Make a workflow of a graph that the editor opens as that graph, as far as ``classes`` knows its nodes."""
    numbers = {node: int(node) if node.isdecimal() and len(node) < MAX_DIGITS else node for node in graph}
    columns = _columns(graph)
    rows: dict[int, int] = {}
    nodes: dict[str, dict[str, Any]] = {}
    for order, (node, content) in enumerate(graph.items()):
        column = columns[node]
        rows[column] = row = rows.get(column, -1) + 1
        nodes[node] = {
            "id": numbers[node],
            "type": content["class_type"],
            "pos": [column * COLUMN, row * ROW],
            "size": [300, 120],
            "flags": {},
            "order": order,
            "mode": 0,
            "inputs": list(_slots(content, classes.get(content["class_type"]))),
            "outputs": [],
            "properties": {"Node name for S&R": content["class_type"]},
            "widgets_values": _values(content, classes.get(content["class_type"])),
        }
        if title := title_in(content):
            nodes[node]["title"] = title
    return {
        "last_node_id": max((number for number in numbers.values() if isinstance(number, int)), default=0),
        "last_link_id": 0,
        "nodes": list(nodes.values()),
        "links": [],
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    } | _connected(nodes, graph, classes)


def _slots(content: Mapping[str, Any], known: NodeClass | None) -> Iterator[dict[str, Any]]:
    inputs = {one.name: one for one in _all_inputs(known, literals(content["inputs"]))}
    for name in dict.fromkeys([*inputs, *content["inputs"]]):
        one = inputs.get(name)
        linked = is_link(content["inputs"].get(name))
        if linked or (one is not None and not one.widget):
            slot: dict[str, Any] = {"name": name, "type": one.type if one else "*", "link": None}
            yield slot | ({"widget": {"name": name}} if one and one.widget else {})


def _all_inputs(known: NodeClass | None, values: Mapping[str, Any]) -> list[Input]:
    return [one for one in (known.inputs if known else ()) for one in _with_nested(one, values)]


def _with_nested(one: Input, values: Mapping[str, Any]) -> list[Input]:
    nested = one.nested.get(str(values.get(one.name, one.default)), ())
    return [one, *(deeper for inner in nested for deeper in _with_nested(inner, values))]


def _values(content: Mapping[str, Any], known: NodeClass | None) -> list[Any]:
    values = literals(content["inputs"])
    if known is None:
        return list(values.values())
    defaults = {one.name: one.default for one in _all_inputs(known, values)}
    return [
        place.filler if place.name is None else values.get(place.name, defaults.get(place.name))
        for place in places(known, values)
    ]


def _connected(nodes: dict[str, dict[str, Any]], graph: Graph, classes: Catalogue) -> dict[str, Any]:
    """Connect the nodes; return the list of links."""
    links: list[list[Any]] = []
    for node, content in graph.items():
        for at, slot in enumerate(nodes[node]["inputs"]):
            value = content["inputs"].get(slot["name"])
            if not is_link(value) or value[0] not in nodes:
                continue
            origin, number = value
            slot["link"] = len(links) + 1
            links.append([slot["link"], nodes[origin]["id"], number, nodes[node]["id"], at, slot["type"]])
            outputs = nodes[origin]["outputs"]
            known = classes.get(graph[origin]["class_type"])
            names = known.outputs if known else ()
            for missing in range(len(outputs), min(number, 100) + 1):
                name = names[missing] if missing < len(names) else ""
                outputs.append({"name": name, "type": "*", "links": []})
            if number < len(outputs):
                outputs[number]["links"].append(slot["link"])
    return {"links": links, "last_link_id": len(links)}


def _columns(graph: Graph) -> dict[str, int]:
    """Place each node right of those it is made of. A circle, which ComfyUI refuses, is cut somewhere."""
    columns = dict.fromkeys(graph, 0)
    for _ in range(min(len(graph), 50)):
        moved = False
        for node, content in graph.items():
            origins = [value[0] for value in content["inputs"].values() if is_link(value)]
            column = max((columns.get(origin, -1) + 1 for origin in origins), default=0)
            moved = moved or column != columns[node]
            columns[node] = column
        if not moved:
            break
    return columns
