"""The values that a saved node holds, by the inputs they belong to. Pure.

The editor saves them as a list without names, in the order of the class's inputs, and puts values of its own between:
what becomes of a seed after a run, and buttons. Each value is checked against its input, so that a list which was saved
with another version of the class is noticed instead of being taken for something else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from emprops.connectors.comfyui.catalogue import Input, NodeClass
from emprops.workflows.editor.graph import Node

CONTROLS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})
IDLE = (None, "", "image", "video", "audio", "upload")
"""What the editor's buttons, and widgets that are only for the eye, hold."""


@dataclass(slots=True)
class Values:
    """What a node holds. ``problem``: why its values cannot be told apart; empty if they can."""

    by_name: dict[str, Any] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    """The inputs of the class, with those that choices brought."""
    problem: str = ""


def values_of(node: Node, node_class: NodeClass) -> Values:
    """Read a node's values."""
    shown = frozenset(slot.widget for slot in node.inputs if slot.widget)
    if isinstance(node.values, dict):
        return _named(node.values, node_class.inputs, shown)
    reader = _Reader(node.values if isinstance(node.values, list) else [], shown)
    reader.read([one for one in node_class.inputs if one.required])
    if any(one.upload for one in node_class.inputs):
        reader.pass_over_buttons()
    reader.read([one for one in node_class.inputs if not one.required])
    reader.finish()
    return reader.values


def _named(given: dict[str, Any], inputs: Sequence[Input], shown: frozenset[str]) -> Values:
    values = Values()
    for one in _expanded(inputs, given):
        values.inputs.append(one)
        if one.name in given and (one.widget or one.name in shown):
            values.by_name[one.name] = given[one.name]
    return values


def _expanded(inputs: Sequence[Input], given: dict[str, Any]) -> Iterator[Input]:
    for one in inputs:
        yield one
        yield from _expanded(one.nested.get(str(given.get(one.name)), ()), given)


class _Reader:
    """Goes through the list."""

    def __init__(self, given: list[Any], shown: frozenset[str]) -> None:
        self.values = Values()
        self._given = given
        self._shown = shown
        self._at = 0
        self._widgets = 0

    def read(self, inputs: Sequence[Input]) -> None:
        """Take a value for each input that has one."""
        for one in inputs:
            self.values.inputs.append(one)
            if self.values.problem or not (one.widget or one.name in self._shown):
                continue
            self._widgets += 1
            if self._at >= len(self._given):
                continue  # saved before the class had this input
            value = self._given[self._at]
            self._at += 1
            if value is None:
                continue
            if not fits(one, value):
                self.values.problem = (
                    f"its saved values do not fit its inputs: {one.name} takes {one.type}, not {str(value)[:50]!r}"
                )
                continue
            self.values.by_name[one.name] = value
            self._pass_over_control(one)
            self.read(one.nested.get(str(value), ()))

    def _pass_over_control(self, one: Input) -> None:
        if one.control and self._next() in CONTROLS:
            self._at += 1
            if one.type == "COMBO" and isinstance(self._next(), str):
                self._at += 1  # the filter beside it

    def pass_over_buttons(self) -> None:
        """Skip what stands for buttons."""
        while self._at < len(self._given) and self._next() in IDLE:
            self._at += 1

    def finish(self) -> None:
        """Notice what is left."""
        rest = [value for value in self._given[self._at :] if value not in IDLE]
        if rest and not self.values.problem:
            self.values.problem = (
                f"it has {len(self._given)} saved values for {self._widgets} inputs; this version of its class does not"
                f" know {str(rest[0])[:50]!r}"
            )

    def _next(self) -> Any:
        value = self._given[self._at] if self._at < len(self._given) else None
        return value if isinstance(value, str) or value is None else object()


def fits(one: Input, value: Any) -> bool:
    """Tell whether a value can be that of an input. What a choice chooses from is for the machine to say."""
    match one.type:
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
