"""From a workflow as the editor saves it to the graph that ComfyUI's server runs, by the classes of a machine. Pure.

What cannot be converted is named, node by node. Nodes that lead to no output are left out, as the server would never
run them. Subgraphs are laid out: node 5 of the subgraph in the place of node 12 becomes ``12:5``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.comfyui.catalogue import Catalogue, Input, NodeClass
from emprops.workflows.editor.graph import BYPASSED, MUTED, Node, NotAnEditorGraphError, Workflow, read_workflow
from emprops.workflows.editor.values import Values, values_of
from emprops.workflows.editor.wiring import VIRTUAL, Canvas, Literal, Output, laid_out, source_of

OLD_GROUPS = ("workflow/", "workflow>")
"""How the types of group nodes begin, which came before subgraphs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a node cannot be converted."""

    node: str
    class_type: str
    reason: str

    def __str__(self) -> str:
        return f"node {self.node} ({self.class_type}): {self.reason}" if self.node else self.reason


@dataclass(frozen=True, slots=True)
class Converted:
    """A graph in API form; it is whole only if there are no problems."""

    graph: dict[str, Any]
    problems: Sequence[Problem]


@dataclass(slots=True)
class _Made:
    """One node on its way."""

    content: dict[str, Any]
    is_output: bool
    problems: list[Problem] = field(default_factory=list)


def convert(data: Any, catalogue: Catalogue) -> Converted:
    """Convert a saved workflow."""
    try:
        workflow = read_workflow(data)
        canvases = laid_out(workflow)
    except NotAnEditorGraphError as error:
        return Converted({}, [Problem("", "", str(error))])
    made: dict[str, _Made] = {}
    for canvas in canvases:
        for node in canvas.graph.nodes.values():
            if _runs(node, workflow):
                made[canvas.id_of(node)] = _make(canvas, node, catalogue)
    return _result(made)


def _runs(node: Node, workflow: Workflow) -> bool:
    return node.mode not in (MUTED, BYPASSED) and node.type not in VIRTUAL and node.type not in workflow.subgraphs


def _make(canvas: Canvas, node: Node, catalogue: Catalogue) -> _Made:
    node_class = catalogue.get(node.type)
    if node_class is None:
        return _unknown(canvas, node)
    made = _Made({"inputs": {}, "class_type": node.type}, node_class.is_output)
    if node.title and node.title != node.type:
        made.content["_meta"] = {"title": node.title}
    values = values_of(node, node_class)

    def problem(reason: str) -> None:
        made.problems.append(Problem(canvas.id_of(node), node.type, reason))

    if values.problem:
        problem(values.problem)
    for one in values.inputs:
        found = _value(canvas, node, one, values)
        if found is not None:
            made.content["inputs"][one.name] = found.value
        elif one.required and not values.problem:
            problem(_missing(node, one))
    made.content["inputs"] |= _further(canvas, node, node_class, values)
    return made


def _unknown(canvas: Canvas, node: Node) -> _Made:
    """Stand in for a node of an unknown class, whose links still show what would lead to it."""
    reason = "no such node class is on the machine; install its pack, or take the node out"
    if node.type.startswith(OLD_GROUPS):
        reason = "group nodes are not converted; make a subgraph of it in the editor"
    sources = [source_of(canvas, node, number) for number in range(len(node.inputs))]
    links = {str(number): [one.node, one.slot] for number, one in enumerate(sources) if isinstance(one, Output)}
    # Without a link from it, it may well be what the workflow is run for.
    is_end = not any(link.origin == node.id for link in canvas.graph.links.values())
    made = _Made({"inputs": links, "class_type": node.type}, is_end)
    made.problems.append(Problem(canvas.id_of(node), node.type, reason))
    return made


def _value(canvas: Canvas, node: Node, one: Input, values: Values) -> Literal | None:
    """Find what an input gets: from a link, else from a widget, else the class's default."""
    slot = _slot_of(node, one.name)
    source = None if slot is None else source_of(canvas, node, slot)
    if isinstance(source, Output):
        return Literal([source.node, source.slot])
    if isinstance(source, Literal):
        return Literal(_wrapped(source.value))
    if (node.id, one.name) in canvas.overrides:
        return Literal(_wrapped(canvas.overrides[node.id, one.name]))
    if one.name in values.by_name:
        return Literal(_wrapped(values.by_name[one.name]))
    if one.widget and one.required and one.default is not None and not values.problem:
        return Literal(_wrapped(one.default))
    return None


def _further(canvas: Canvas, node: Node, node_class: NodeClass, values: Values) -> dict[str, Any]:
    """Give the links to inputs that only this node has: some classes take as many as one likes."""
    known = {one.name for one in (*node_class.inputs, *values.inputs)}
    found: dict[str, Any] = {}
    for number, slot in enumerate(node.inputs):
        source = source_of(canvas, node, number) if slot.name not in known else None
        if isinstance(source, Output):
            found[slot.name] = [source.node, source.slot]
    return found


def _slot_of(node: Node, name: str) -> int | None:
    return next((number for number, slot in enumerate(node.inputs) if name in (slot.name, slot.widget)), None)


def _missing(node: Node, one: Input) -> str:
    slot = _slot_of(node, one.name)
    if slot is not None and node.inputs[slot].link is not None:
        return f"its input {one.name} comes from a node that is muted, bypassed or missing"
    return f"its input {one.name} is not connected" if not one.widget else f"its input {one.name} has no value"


def _wrapped(value: Any) -> Any:
    # The server takes a plain list for a link.
    return {"__value__": value} if isinstance(value, list) else value


def _result(made: Mapping[str, _Made]) -> Converted:
    """Keep what leads to an output; a link to a node that could not be made is a problem of that node."""
    wanted = [name for name, one in made.items() if one.is_output]
    reached = set(wanted)
    while wanted:
        for value in made[wanted.pop()].content["inputs"].values():
            if isinstance(value, list) and value[0] in made and value[0] not in reached:
                reached.add(value[0])
                wanted.append(value[0])
    kept = {name: one for name, one in made.items() if name in reached}
    problems = [problem for one in kept.values() for problem in one.problems]
    if not kept:
        problems = [Problem("", "", "the workflow has no node that stores or shows anything, such as SaveImage")]
    return Converted({name: one.content for name, one in kept.items()}, problems)
