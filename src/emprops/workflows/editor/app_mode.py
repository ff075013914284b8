"""Which inputs the author of a saved workflow shows in the editor's App Mode, as inputs of the graph in API form. Pure.

``extra.linearData.inputs`` lists ``[node, widget]`` in the order in which the app shows them. ``node`` is the id of
a node, also of one within a subgraph; or ``graph:node:widget``, each percent-encoded.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from emprops.workflows.editor.graph import Graph, Node, NotAnEditorGraphError, read_workflow
from emprops.workflows.editor.layout import Canvas, laid_out
from emprops.workflows.editor.wiring import PRIMITIVE

Target = tuple[str, str]
"""A node's id in API form, and the name of its input."""

WIDGET_ID = re.compile(r"[^:]+:([^:]+):([^:]+)")
MAX_SHOWN = 200
MAX_HOPS = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """What an app shows."""

    inputs: list[list[Target]] = field(default_factory=list)
    """For each widget that it shows, the inputs that this sets: a primitive's value may go to several."""
    lost: list[tuple[str, str]] = field(default_factory=list)
    """Node and widget of those that the workflow does not have."""


def shown_in(data: Any) -> Shown:
    """Find what the app of a saved workflow shows; nothing if it is none."""
    pairs = list(_pairs(data))
    shown = Shown()
    if not pairs:
        return shown
    try:
        canvases = laid_out(read_workflow(data))
    except NotAnEditorGraphError:
        return shown
    for node, widget in pairs:
        targets = list(dict.fromkeys(_found(canvases, node, widget)))
        if targets:
            shown.inputs.append(targets)
        else:
            shown.lost.append((node, widget))
    return shown


def _pairs(data: Any) -> Iterator[Target]:
    extra = data.get("extra") if isinstance(data, Mapping) else None
    said = extra.get("linearData") if isinstance(extra, dict) else None
    entries = said.get("inputs") if isinstance(said, dict) else None
    for entry in entries[:MAX_SHOWN] if isinstance(entries, list) else ():
        match entry:
            case [str() | int() as node, str(widget), *_] if not isinstance(node, bool):
                whole = WIDGET_ID.fullmatch(str(node))
                yield (unquote(whole[1]), unquote(whole[2])) if whole else (str(node), widget)


def _found(canvases: list[Canvas], node_id: str, widget: str) -> Iterator[Target]:
    """Find the widget on the outermost canvas, else the one node within subgraphs that has the id."""
    root = canvases[0].graph.nodes.get(node_id)
    places = [(canvases[0], root)] if root is not None else []
    if not places:
        last = node_id.rpartition(":")[2]
        within = [(canvas, canvas.graph.nodes[last]) for canvas in canvases[1:] if last in canvas.graph.nodes]
        exact = [(canvas, node) for canvas, node in within if canvas.id_of(node) == node_id]
        places = exact or within
    if len(places) == 1:
        yield from _targets(*places[0], widget, MAX_HOPS)


def _targets(canvas: Canvas, node: Node, widget: str, hops: int) -> Iterator[Target]:
    """Yield what a widget sets: itself, what a primitive leads to, or what a subgraph's host shows."""
    inner = canvas.inner.get(node.id)
    if hops == 0:
        return
    if node.type == PRIMITIVE:
        for target, name in _behind(canvas.graph, node.id, None):
            yield from _targets(canvas, target, name, hops - 1)
    elif inner is not None:
        number = next((at for at, slot in enumerate(inner.graph.inputs) if slot.name == widget), None)
        for target, name in _behind(inner.graph, inner.graph.input_id, number) if number is not None else ():
            yield from _targets(inner, target, name, hops - 1)
    else:
        yield canvas.id_of(node), widget


def _behind(graph: Graph, origin: str, slot: int | None) -> Iterator[tuple[Node, str]]:
    """Yield the inputs to which an output leads, any output if ``slot`` is None."""
    for number, link in graph.links.items():
        target = graph.nodes.get(link.target)
        if link.origin == origin and slot in (None, link.origin_slot) and target is not None:
            for one in target.inputs:
                if one.link == number:
                    yield target, one.widget or one.name
