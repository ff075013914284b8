"""What a saved workflow says about texts such as ``%Base.width%``: names of nodes, and further inputs. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from emprops.workflows.editor.graph import read_workflow
from emprops.workflows.editor.layout import laid_out
from emprops.workflows.editor.targets import Target, targets_of
from emprops.workflows.editor.wiring import PRIMITIVE

NAME = "Node name for S&R"
"""The property ("search and replace") by which texts name a node; the editor sets it to the type of most."""
REPLACES = "Run widget replace on values"
"""The property of a primitive whose text is filled in before it is passed on."""
MAX_NAME = 200
"""Characters."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a saved workflow says."""

    names: dict[str, str] = field(default_factory=dict)
    """Names other than the node's type, and the id in API form of the first node that has it."""
    inputs: list[Target] = field(default_factory=list)
    """Inputs that a primitive sets whose text is filled in."""


def said_in(data: Any) -> Said:
    """Read a saved workflow.

    Raises :class:`~emprops.workflows.editor.graph.NotAnEditorGraphError`.
    """
    said = Said()
    if not any(_says(node) for node in _nodes(data)):
        return said
    for canvas in laid_out(read_workflow(data)):
        for node in canvas.graph.nodes.values():
            name = node.properties.get(NAME)
            if isinstance(name, str) and name not in ("", node.type) and len(name) <= MAX_NAME:
                said.names.setdefault(name, canvas.id_of(node))
            if node.type == PRIMITIVE and node.properties.get(REPLACES) is True:
                said.inputs.extend(targets_of(canvas, node, "value"))
    return said


def _says(node: Any) -> bool:
    properties = node.get("properties") if isinstance(node, dict) else None
    if not isinstance(properties, dict):
        return False
    return properties.get(REPLACES) is True or properties.get(NAME, node.get("type")) != node.get("type")


def _nodes(data: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the nodes of all canvases as they are written: laying them out takes longer than looking."""
    waiting: list[Any] = [data]
    while waiting:
        canvas = waiting.pop()
        nodes, definitions = canvas.get("nodes"), canvas.get("definitions")
        yield from nodes if isinstance(nodes, list) else ()
        inner = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        waiting += [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
