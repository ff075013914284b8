"""Which inputs of the graph in API form a widget of a saved workflow sets. Pure."""

from collections.abc import Iterator

from emprops.workflows.editor.graph import Graph, Node
from emprops.workflows.editor.layout import Canvas
from emprops.workflows.editor.wiring import PRIMITIVE

Target = tuple[str, str]
"""A node's id in API form, and the name of its input."""

MAX_HOPS = 50


def targets_of(canvas: Canvas, node: Node, widget: str, hops: int = MAX_HOPS) -> Iterator[Target]:
    """Yield what a widget sets: itself, what a primitive leads to, or what a subgraph's host shows."""
    inner = canvas.inner.get(node.id)
    if hops == 0:
        return
    if node.type == PRIMITIVE:
        for target, name in _behind(canvas.graph, node.id, None):
            yield from targets_of(canvas, target, name, hops - 1)
    elif inner is not None:
        number = next((at for at, slot in enumerate(inner.graph.inputs) if slot.name == widget), None)
        for target, name in _behind(inner.graph, inner.graph.input_id, number) if number is not None else ():
            yield from targets_of(inner, target, name, hops - 1)
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
