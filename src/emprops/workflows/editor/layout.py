"""Subgraphs laid out: each definition in the place of each node that stands for it, with the values that node shows.

A node that stands for a subgraph (its host) holds values in place of those within. It names them in ``proxyWidgets``,
or they are those of the definition's inputs that lead to widgets, in order. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from emprops.workflows.editor.graph import BYPASSED, MAX_NODES, MUTED, Graph, Node, NotAnEditorGraphError, Workflow

MAX_DEPTH = 20
BY_INPUT = "-1"
"""In the list of a host's shown widgets: one that belongs to an input of the subgraph."""
PREVIEW = "$$"
"""How names of widgets begin that only show something: they hold no value."""
NUMBERED = re.compile(r"\s*(\d+)\s*:\s*(\S.*)", re.DOTALL)
"""A widget's name after the id of the node that it is shown from."""

Named = Mapping[str, Any]
"""Values by name of widget."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """A graph where it is used: the workflow, or a subgraph in the place of one node."""

    graph: Graph
    path: tuple[str, ...] = ()
    around: "Canvas | None" = None
    """The canvas that has the host …"""
    host: Node | None = None
    """… and the host."""
    inner: dict[str, "Canvas"] = field(default_factory=dict)
    shown: Named = field(default_factory=dict)
    """Values that the host shows for inputs of the subgraph, by their names."""
    overrides: Mapping[str, Named] = field(default_factory=dict)
    """Values that it shows for widgets within, by node."""

    def id_of(self, node: Node) -> str:
        """The node's id in API form."""
        return ":".join((*self.path, node.id))


def laid_out(workflow: Workflow) -> list[Canvas]:
    """Return the canvas of the workflow and those of all subgraphs that run, the outer before the inner.

    Raises :class:`NotAnEditorGraphError` if a subgraph contains itself, or all is too much.
    """
    canvases, total = [Canvas(workflow.root)], 0
    for canvas in canvases:  # grows as it is walked
        total += len(canvas.graph.nodes)
        if total > MAX_NODES or len(canvas.path) > MAX_DEPTH:
            raise NotAnEditorGraphError(f"with its subgraphs, the workflow has more than {MAX_NODES} nodes")
        for node in canvas.graph.nodes.values():
            definition = workflow.subgraphs.get(node.type)
            if definition is not None and node.mode not in (MUTED, BYPASSED):
                inner = _inner(canvas, node, definition, workflow.subgraphs)
                canvas.inner[node.id] = inner
                canvases.append(inner)
    return canvases


def _inner(canvas: Canvas, host: Node, definition: Graph, subgraphs: Mapping[str, Graph]) -> Canvas:
    values = _HostValues(definition, subgraphs)
    proxies = _proxies(host)
    for node, name, value in _held(host, definition, proxies):
        values.set(node, name, value)
    # What is shown farther out counts. It names an input of this subgraph, or what its host shows in turn.
    for name, value in canvas.overrides.get(host.id, {}).items():
        match = NUMBERED.fullmatch(name)
        if name in values.inputs:
            values.set(BY_INPUT, name, value)
        elif match and match[1] in definition.nodes:
            values.set(match[1], match[2], value)
        else:
            values.set(next((node for node, proxy in proxies or () if proxy == name), BY_INPUT), name, value)
    return Canvas(definition, (*canvas.path, host.id), canvas, host, shown=values.shown, overrides=values.overrides)


class _HostValues:
    """Collects what a host shows."""

    def __init__(self, definition: Graph, subgraphs: Mapping[str, Graph]) -> None:
        self.inputs = {slot.name for slot in definition.inputs}
        self.shown: dict[str, Any] = {}
        self.overrides: dict[str, dict[str, Any]] = {}
        self._definition = definition
        self._subgraphs = subgraphs

    def set(self, node: str, name: str, value: Any) -> None:
        """Set the value of an input of the subgraph, or of a node's widget, where the input counts that leads to it."""
        target = self._definition.nodes.get(node)
        if target is None:
            if node == BY_INPUT and name in self.inputs:
                self.shown[name] = value
            return
        match = NUMBERED.fullmatch(name)
        if match and name not in target.slots and target.type not in self._subgraphs:
            name = match[2]
        at = self._leading_to(target, name)
        if at is not None:
            self.shown[at] = value
        else:
            self.overrides.setdefault(node, {})[name] = value

    def _leading_to(self, target: Node, name: str) -> str | None:
        """Find the input of the subgraph that is linked to a widget."""
        inner, number = self._definition, target.slots.get(name)
        link = None if number is None else inner.links.get(target.inputs[number].link or "")
        if link is None or link.origin != inner.input_id or not 0 <= link.origin_slot < len(inner.inputs):
            return None
        return inner.inputs[link.origin_slot].name


def _proxies(host: Node) -> list[tuple[str, str]] | None:
    """Read which widgets a host shows, as (node, widget); None if it does not say."""
    said = host.properties.get("proxyWidgets")
    if isinstance(said, str):
        try:
            said = orjson.loads(said)
        except orjson.JSONDecodeError:
            return None
    if not isinstance(said, list):
        return None
    found = []
    for one in said:
        match one:
            case [node, name, inner]:  # shown by a node that is a subgraph itself, for a node within that
                found.append((str(node), f"{inner}: {name}"))
            case [node, name]:
                found.append((str(node), str(name)))
    return found


def _held(host: Node, definition: Graph, proxies: list[tuple[str, str]] | None) -> Iterator[tuple[str, str, Any]]:
    """Yield the values that a host holds: (node, widget, value)."""
    names: Sequence[tuple[str, str]]
    values = host.values if isinstance(host.values, list) else []
    if isinstance(host.values, dict):
        names, values = [(BY_INPUT, str(name)) for name in host.values], list(host.values.values())
    elif proxies is None:
        names = [(BY_INPUT, name) for name in host.names or definition.widget_inputs]
    elif len(proxies) == len(values):
        names = proxies
    else:
        names = [one for one in proxies if not one[1].startswith(PREVIEW)]
    for (node, name), value in zip(names, values, strict=False):
        if value is not None and not name.startswith(PREVIEW):
            yield node, name, value
