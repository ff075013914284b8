"""From a workflow as the editor saves it to the graph that ComfyUI's server runs, by the classes of a machine. Pure.

What cannot be converted is named, node by node, and what was left out or not understood is said. Nodes that lead to no
output are left out, as the server would never run them. Subgraphs are laid out: node 5 of the subgraph in the place of
node 12 becomes ``12:5``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.comfyui.catalogue import BROWSER, FILE, Catalogue, Input, NodeClass
from emprops.workflows.editor.graph import (
    BYPASSED,
    MUTED,
    Node,
    NotAnEditorGraphError,
    Slot,
    Workflow,
    read_workflow,
)
from emprops.workflows.editor.layout import Canvas, laid_out
from emprops.workflows.editor.values import Values, values_of
from emprops.workflows.editor.wiring import HELPERS, VIRTUAL, Literal, Output, Wiring

OLD_GROUPS = ("workflow/", "workflow>")
"""How the types of group nodes begin, which came before subgraphs."""
OWN_CHOICE = "CustomCombo"
"""A choice whose list is written in the node, and not in its class."""
SHOWN_VALUES = 3


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said about a node; without a node, about the whole workflow."""

    node: str
    class_type: str
    reason: str

    def __str__(self) -> str:
        return f"node {self.node} ({self.class_type}): {self.reason}" if self.node else self.reason


@dataclass(frozen=True, slots=True)
class Converted:
    """A graph in API form; it is whole only if there are no problems."""

    graph: dict[str, Any]
    problems: Sequence[Remark]
    warnings: Sequence[Remark] = ()
    """What was left out of the graph, and values that were passed over."""


@dataclass(slots=True)
class _Made:
    """One node on its way."""

    content: dict[str, Any]
    is_output: bool = False
    problems: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    lost: list[Remark] = field(default_factory=list)
    """Inputs that come from something that does not run."""
    is_open: bool = False
    """Whether inputs have to be connected, and none is."""
    stray: Remark | None = None
    """Why it is left out, whatever else there is."""


def convert(data: Any, catalogue: Catalogue) -> Converted:
    """Convert a saved workflow."""
    try:
        workflow = read_workflow(data)
        wiring = Wiring(workflow, catalogue)
        made = {
            canvas.id_of(node): _Maker(canvas, node, wiring).make(catalogue)
            for canvas in laid_out(workflow)
            for node in canvas.graph.nodes.values()
            if _runs(node, workflow)
        }
    except NotAnEditorGraphError as error:
        return Converted({}, [Remark("", "", str(error))])
    return _result(made)


def _runs(node: Node, workflow: Workflow) -> bool:
    is_virtual = node.type in VIRTUAL and node.type not in HELPERS
    return node.mode not in (MUTED, BYPASSED) and not is_virtual and node.type not in workflow.subgraphs


@dataclass(slots=True)
class _Maker:
    """Makes one node."""

    canvas: Canvas
    node: Node
    wiring: Wiring

    def make(self, catalogue: Catalogue) -> _Made:
        """Make the node by its class."""
        if self.node.type in HELPERS:
            stray = self._remark("left out: it does something in the editor only")
            return _Made({"inputs": {}, "class_type": self.node.type}, stray=stray)
        node_class = catalogue.get(self.node.type)
        return self._unknown() if node_class is None else self._known(node_class)

    def _known(self, node_class: NodeClass) -> _Made:
        made = _Made({"inputs": {}, "class_type": self.node.type}, node_class.is_output)
        if self.node.title and self.node.title != self.node.type:
            made.content["_meta"] = {"title": self.node.title}
        values = values_of(self.node, node_class)
        for one in values.inputs:
            self._set(one, values, made)
        if values.problem and not made.problems:
            made.problems.append(self._remark(values.problem))
        known = {one.name for one in values.inputs}
        further = [slot for slot in self.node.inputs if slot.name not in known]
        if further:
            self._set_further(further, made)
        made.is_open = node_class.is_output and self._is_open(node_class)
        if self.node.type == OWN_CHOICE:
            made.content["inputs"] |= _own_choice(self.node, made.content["inputs"].get("choice"))
        elif values.unused:
            reason = (
                f"this version of its class has no input for saved values: {', '.join(values.unused[:SHOWN_VALUES])}"
            )
            made.warnings.append(self._remark(reason))
        return made

    def _set(self, one: Input, values: Values, made: _Made) -> None:
        """Set an input, or say why it stays empty."""
        found = self._value(one, values)
        if one.type in BROWSER and isinstance(found, Literal) and not _is_plain(found.value):
            found = None
        if found is not None:
            made.content["inputs"][one.name] = _in_api_form(one, found)
        elif one.required and one.type in BROWSER:
            made.problems.append(
                self._remark(
                    f"its input {one.name} {BROWSER[one.type]} on the editor's page when it sends the workflow; load a"
                    " file with another node in its place"
                )
            )
        elif one.required and not values.problem:
            if self.wiring.is_linked(self.canvas, self.node, one.name):
                reason = f"its input {one.name} comes from a node that is muted, bypassed or missing"
                made.lost.append(self._remark(reason))
            else:
                lacks = "has no value" if one.widget else "is not connected"
                made.problems.append(self._remark(f"its input {one.name} {lacks}"))

    def _value(self, one: Input, values: Values) -> Output | Literal | None:
        """Find what an input gets: from a link, else from a widget, else the class's default."""
        source = self.wiring.source_of(self.canvas, self.node, one.name)
        if source is not None:
            return source
        overrides = self.canvas.overrides.get(self.node.id, {})
        if one.name in overrides:
            return Literal(overrides[one.name])
        if one.name in values.by_name:
            return Literal(values.by_name[one.name])
        if one.widget and one.default is not None and not values.problem:
            return Literal(one.default)
        return None

    def _set_further(self, slots: Sequence[Slot], made: _Made) -> None:
        """Set inputs that only this node has and not its class: some classes take any number of them."""
        gone = [slot.name for slot in slots if slot.widget is not None and "." not in slot.name]
        made.content["inputs"] |= self._links(slot.name for slot in slots if slot.name not in gone)
        linked = [name for name in gone if self.wiring.is_linked(self.canvas, self.node, name)]
        if linked:
            reason = f"this version of its class has no input for what is linked to {', '.join(linked[:SHOWN_VALUES])}"
            made.warnings.append(self._remark(reason))

    def _links(self, names: Iterator[str]) -> dict[str, Any]:
        sources = {name: self.wiring.source_of(self.canvas, self.node, name) for name in names}
        return {name: [one.node, one.slot] for name, one in sources.items() if isinstance(one, Output)}

    def _is_open(self, node_class: NodeClass) -> bool:
        needed = [one.name for one in node_class.inputs if one.required and not one.widget]
        return bool(needed) and not any(self.wiring.is_linked(self.canvas, self.node, name) for name in needed)

    def _unknown(self) -> _Made:
        """Stand in for a node of an unknown class, whose links still show what would lead to it."""
        reason = "no such node class is on the machine"
        links = self.canvas.graph.links
        made = _Made({"inputs": self._links(slot.name for slot in self.node.inputs), "class_type": self.node.type})
        if self.node.type.startswith(OLD_GROUPS):
            made.problems.append(self._remark("group nodes are not converted; make a subgraph of it in the editor"))
        elif self.node.id not in self.canvas.graph.linked:
            made.stray = self._remark(f"left out: {reason}, and nothing is linked to it")
            return made
        else:
            made.problems.append(self._remark(f"{reason}; install its pack, or take the node out"))
        # Without a link from it, it may well be what the workflow is run for.
        made.is_output = not any(link.origin == self.node.id for link in links.values())
        return made

    def _remark(self, reason: str) -> Remark:
        return Remark(self.canvas.id_of(self.node), self.node.type, reason)


def _in_api_form(one: Input, found: Output | Literal) -> Any:
    if isinstance(found, Output):
        return [found.node, found.slot]
    if one.type == "CURVE":
        return {"__type__": "CURVE", "__value__": found.value}
    # The server takes a plain list for a link.
    return {"__value__": found.value} if isinstance(found.value, list) else found.value


def _is_plain(value: Any) -> bool:
    """Whether the value of such an input is kept in the file: what a scene gave, or an uploaded file that stays."""
    if isinstance(value, str):
        name, _, folder = value.partition(" [")
        return FILE.search(name) is not None and not folder.startswith("temp")
    return isinstance(value, dict) and bool(value)


def _own_choice(node: Node, choice: Any) -> dict[str, Any]:
    """Return what the editor sends for a list written in the node: the position of the choice, and the list."""
    values = node.values if isinstance(node.values, list) else []
    options = values[2:]
    choice = values[0] if isinstance(choice, list) and values else choice
    written = {f"option{number}": value for number, value in enumerate(options, 1) if isinstance(value, str)}
    return {"index": options.index(choice) if choice in options else -1} | written


def _result(made: Mapping[str, _Made]) -> Converted:
    """Keep what leads to an output. Outputs that nothing can come to are left out, as long as there are others."""
    outputs = [name for name, one in made.items() if one.is_output]
    broken = _downstream(made, [name for name, one in made.items() if one.lost])
    kept = [name for name in outputs if name not in broken and not made[name].is_open]
    warnings = [one.stray for one in made.values() if one.stray is not None]
    warnings += [_left_out(name, made[name]) for name in outputs if kept and name not in kept]
    reached = _upstream(made, kept or outputs)
    whole = {name: one for name, one in made.items() if name in reached}
    problems = [remark for one in whole.values() for remark in (*one.problems, *one.lost)]
    if not outputs:
        problems = [Remark("", "", "the workflow has no node that stores or shows anything, such as SaveImage")]
    warnings += [remark for one in whole.values() for remark in one.warnings]
    return Converted({name: one.content for name, one in whole.items()}, problems, warnings)


def _left_out(name: str, one: _Made) -> Remark:
    reason = (
        one.lost[0].reason if one.lost else "something before it comes from a node that is muted, bypassed or missing"
    )
    if one.is_open:
        reason = "nothing is connected to it"
    return Remark(name, one.content["class_type"], f"left out: {reason}")


def _upstream(made: Mapping[str, _Made], names: Sequence[str]) -> set[str]:
    wanted, reached = list(names), set(names)
    while wanted:
        for source in _sources(made[wanted.pop()], made):
            if source not in reached:
                reached.add(source)
                wanted.append(source)
    return reached


def _downstream(made: Mapping[str, _Made], names: Sequence[str]) -> set[str]:
    targets: dict[str, list[str]] = {}
    for name, one in made.items() if names else ():
        for source in _sources(one, made):
            targets.setdefault(source, []).append(name)
    wanted, reached = list(names), set(names)
    while wanted:
        for target in targets.get(wanted.pop(), ()):
            if target not in reached:
                reached.add(target)
                wanted.append(target)
    return reached


def _sources(one: _Made, made: Mapping[str, _Made]) -> Iterator[str]:
    for value in one.content["inputs"].values():
        if isinstance(value, list) and value[0] in made:
            yield value[0]
