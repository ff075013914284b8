"""Which inputs the author of a saved workflow shows in the editor's App Mode, as inputs of the graph in API form. Pure.

``extra.linearData.inputs`` lists ``[node, widget]`` in the order in which the app shows them. ``node`` is the id of
a node, also of one within a subgraph; or ``graph:node:widget``, each percent-encoded.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from emprops.workflows.editor.graph import NotAnEditorGraphError, read_workflow
from emprops.workflows.editor.layout import Canvas, laid_out
from emprops.workflows.editor.targets import Target, targets_of

WIDGET_ID = re.compile(r"[^:]+:([^:]+):([^:]+)")
MAX_SHOWN = 200


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
        yield from targets_of(*places[0], widget)
