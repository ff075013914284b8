"""The values that a saved node holds, by the inputs they belong to. Pure.

The editor saves them as a list in the order of the class's inputs, and puts values of its own between: what becomes of
a seed after a run, and buttons. Newer editors also save their names. Each value is checked against its input, so that a
list which was saved with another version of the class is noticed instead of being taken for something else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.comfyui.catalogue import Input, NodeClass
from emprops.workflows.editor.graph import Node

CONTROLS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})
CONTROL_NAMES = ("control_after_generate", "control_filter_list")
"""How such values are called; the second of a node has a number behind it."""
BOX, BOX_PARTS = "BOUNDING_BOX", ("x", "y", "width", "height")
"""A box, and what the editor keeps behind its value: the same numbers again."""
BUTTONS = frozenset({"", "image", "video", "audio", "upload", "refresh", "capture"})
"""What the editor's buttons hold, and widgets that are only for the eye."""
IDLE = BUTTONS | CONTROLS


@dataclass(slots=True)
class Values:
    """What a node holds. ``problem``: why its values cannot be told apart; empty if they can."""

    by_name: dict[str, Any] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    """The inputs of the class, with those that choices brought."""
    problem: str = ""
    unused: list[str] = field(default_factory=list)
    """Values that no input of the class takes, as they are shown."""


def values_of(node: Node, node_class: NodeClass) -> Values:
    """Read a node's values."""
    if isinstance(node.values, dict):  # as some packs save them, with things of their own among them
        return _named(node.values, node_class.inputs)
    if node.names:
        values = _named(dict(zip(node.names, node.values, strict=True)), node_class.inputs)
        _check(values, node)
        return values
    shown = frozenset(slot.widget for slot in node.inputs if slot.widget)
    return _Reader(node.values if isinstance(node.values, list) else [], node_class, shown).read_all()


def _named(given: Mapping[str, Any], inputs: Sequence[Input]) -> Values:
    values = Values()
    wanted = list(reversed(inputs))
    while wanted:
        one = wanted.pop()
        values.inputs.append(one)
        value = given.get(one.name)
        if value is not None:
            values.by_name[one.name] = value
        wanted += reversed(one.nested.get(str(one.default if value is None else value), ()))
    known = {one.name for one in values.inputs}
    groups = {name.rpartition(".")[0] for name in known} - {""}
    for name in given.keys() - known if groups else ():
        if name.rpartition(".")[0] in groups:  # a further member of an input that grows
            values.inputs.append(Input(name, "*", required=False, widget=True))
            values.by_name[name] = given[name]
    return values


def _check(values: Values, node: Node) -> None:
    """Say which values do not fit, and which no input takes."""
    known = {one.name for one in values.inputs}
    for one in values.inputs:
        value = values.by_name.get(one.name)
        if value is not None and not fits(one, value):
            values.problem = values.problem or _misfit(one, value)
        if one.type == BOX:
            known.update(BOX_PARTS)
    for name, value in zip(node.names, node.values, strict=True):
        if name not in known and not name.startswith(CONTROL_NAMES) and not _is_idle(value):
            values.unused.append(f"{name[:50]} {_shown(value)}")


class _Reader:
    """Goes through a list without names."""

    def __init__(self, given: list[Any], node_class: NodeClass, shown: frozenset[str]) -> None:
        self.values = Values()
        self._given = given
        self._shown = shown
        self._inputs = node_class.inputs
        self._at = 0
        self._wanted = sum([one.widget or one.name in shown for one in node_class.inputs])

    def read_all(self) -> Values:
        """Read the whole list; buttons for uploads come behind the required inputs."""
        self._read([one for one in self._inputs if one.required])
        if any(one.upload for one in self._inputs):
            while self._surplus() > 0 and _is_idle(self._next()):
                self._at += 1
        self._read([one for one in self._inputs if not one.required])
        if not self.values.problem:
            self.values.unused = [_shown(value) for value in self._given[self._at :] if not _is_idle(value)]
        return self.values

    def _has_value(self, one: Input) -> bool:
        return one.widget or one.name in self._shown

    def _read(self, inputs: Sequence[Input]) -> None:
        """Take a value for each input that has one."""
        for one in inputs:
            self.values.inputs.append(one)
            if self.values.problem or not self._has_value(one):
                continue
            self._wanted -= 1
            value = self._take(one)
            if value is not None and not fits(one, value):
                self.values.problem = _misfit(one, value)
                continue
            if value is not None:
                self.values.by_name[one.name] = value
            nested = one.nested.get(str(one.default if value is None else value), ())
            self._wanted += sum(map(self._has_value, nested))
            self._read(nested)

    def _take(self, one: Input) -> Any:
        """Take the next value, and pass over what the editor keeps with it."""
        value = self._next()
        while value is not None and _is_idle(value) and not fits(one, value):
            self._at += 1
            value = self._next()
        self._at += 1
        if one.control:
            self._pass_over_control(one)
        if one.refreshed:
            self._pass_over_refresh()
        if one.type == BOX and self._surplus() >= len(BOX_PARTS):
            self._at += len(BOX_PARTS)
        return value

    def _pass_over_control(self, one: Input) -> None:
        follows = self._next()
        if isinstance(follows, str) and follows in CONTROLS:
            self._at += 1
            if one.type == "COMBO" and isinstance(self._next(), str):
                self._at += 1  # its filter
        elif isinstance(follows, bool) and self._surplus() > 0:
            self._at += 1  # as the editor once saved it: whether to randomize

    def _pass_over_refresh(self) -> None:
        if isinstance(self._next(), bool) and self._given[self._at + 1 : self._at + 2] == ["refresh"]:
            self._at += 1
        if self._next() == "refresh":
            self._at += 1

    def _next(self) -> Any:
        return self._given[self._at] if self._at < len(self._given) else None

    def _surplus(self) -> int:
        """Count the values that are left beyond those that are wanted."""
        return len(self._given) - self._at - self._wanted


def _is_idle(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.get("name", value)
    return value is None or (isinstance(value, str) and value in IDLE)


def _shown(value: Any) -> str:
    return repr(value if isinstance(value, (int, float)) else str(value)[:50])


def _misfit(one: Input, value: Any) -> str:
    return f"its saved values do not fit its inputs: {one.name} takes {one.type}, not {str(value)[:50]!r}"


def fits(one: Input, value: Any) -> bool:
    """Return whether an input can have a value. What a choice chooses from is for the machine to say."""
    return _fits(one.type, value) if "," not in one.type else any(_fits(kind, value) for kind in one.type.split(","))


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "INT":
            return type(value) is int or (isinstance(value, float) and value.is_integer())
        case "FLOAT":
            return not isinstance(value, bool) and isinstance(value, (int, float))
        case "BOOLEAN":
            return isinstance(value, bool)
        case "STRING":
            return isinstance(value, str)
        case "COMBO":
            return isinstance(value, (str, int, float, list))
        case _:
            return True
