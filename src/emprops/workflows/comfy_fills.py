"""Which texts of a ComfyUI graph are filled in for each generation, as its editor does when it sends a graph. Pure.

Stored with the workflow, as the machines whose node classes say it may be away later::

    "fills": {"inputs": {"6": {"text": ["dynamic_prompt"]}}, "names": {"Base": "12"}}

An input is filled in one or more ways, see :data:`WAYS`. ``names`` are those that nodes were given in the editor for
``%Base.width%``; other nodes are known by class and title. Every ``filename_prefix`` takes replacements.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emprops.connectors.comfyui.catalogue import Catalogue, Input
from emprops.workflows.comfy_graph import Graph, inputs_of
from emprops.workflows.comfy_text import Lookup, fill_choices, fill_replacements, replacements_in, signs_in
from emprops.workflows.editor.names import Said
from emprops.workflows.references import MixedText, Reference

Json = dict[str, Any]

DYNAMIC_PROMPT = "dynamic_prompt"
CHOICES = "choices"
REPLACEMENTS = "replacements"
WAYS = {
    DYNAMIC_PROMPT: "choices, comments and escapes",
    CHOICES: "the same, in texts that have a choice; others stay as they are",
    REPLACEMENTS: "dates and values of other nodes",
}
FILE_NAME = "filename_prefix"
MAX_CHARACTERS = 64 * 1024
"""Longer texts are sent as they are."""

Draw = Callable[[str, int], int]
"""Chance of a generation: ``(purpose, how many) -> one of 0 … n - 1``."""


@dataclass(frozen=True, slots=True)
class FilledInput:
    """An input of the graph whose text has something to fill in."""

    node: str
    input: str
    signs: Sequence[str]
    """``choices``, ``comments``, ``escapes``, ``dates``, ``values``."""


def fills_of(graph: Graph, catalogue: Catalogue, way: str) -> Json:
    """Describe what is filled in where the node classes say so; nothing if none does."""
    inputs: Json = {}
    for node, content in graph.items():
        known = catalogue.get(content["class_type"])
        names = sorted(_dynamic(known.inputs)) if known is not None else []
        if names:
            inputs[node] = {name: [way] for name in names}
    return {"inputs": inputs} if inputs else {}


def saved_fills(graph: Graph, catalogue: Catalogue, said: Said) -> Json:
    """Describe what is filled in in a graph that was converted from a saved workflow, as the editor does."""
    fills = fills_of(graph, catalogue, DYNAMIC_PROMPT)
    for node, name in said.inputs:
        if node in graph and name in graph[node]["inputs"]:
            ways = fills.setdefault("inputs", {}).setdefault(node, {}).setdefault(name, [])
            ways[:] = [REPLACEMENTS, *ways]
    names = {name: node for name, node in said.names.items() if node in graph}
    return fills | ({"names": names} if names else {})


def _dynamic(inputs: Sequence[Input]) -> set[str]:
    found = {one.name for one in inputs if one.dynamic_prompt}
    return found.union(*(_dynamic(nested) for one in inputs for nested in one.nested.values()))


def find_problems(fills: Any, graph: Graph) -> list[str]:
    """Return what is wrong with ``fills``, in sentences."""
    inputs = fills.get("inputs", {}) if isinstance(fills, dict) else None
    names = fills.get("names", {}) if isinstance(fills, dict) else None
    if not isinstance(inputs, dict) or not all(isinstance(ways, dict) for ways in inputs.values()):
        return ["fills.inputs must be an object: node id → input name → list of ways"]
    if not isinstance(names, dict) or not all(isinstance(node, str) for node in names.values()):
        return ["fills.names must be an object: name → node id"]
    problems = [f"fills name node {node}, which the graph does not have" for node in inputs.keys() - graph.keys()]
    problems += [
        f"fills of input {name} of node {node} must be a list of {', '.join(WAYS)}"
        for node, by_name in inputs.items()
        for name, ways in by_name.items()
        if not isinstance(ways, list) or not all(isinstance(way, str) and way in WAYS for way in ways)
    ]
    return problems


def sound(fills: Any, graph: Graph) -> Mapping[str, Any]:
    """Return ``fills`` as they are, or none if there is something wrong with them."""
    return fills if isinstance(fills, dict) and not find_problems(fills, graph) else {}


def fill(graph: dict[str, Json], fills: Mapping[str, Any], draw: Draw, at: datetime) -> None:
    """Fill in the texts of a graph that is about to be sent; changes it.

    Equal texts get equal choices. Results of other steps in a text are not looked into, as in links of the editor.
    """
    lookup = _lookup(graph, fills)
    filled: list[tuple[str, str, Any]] = []
    done: dict[tuple[str, str], str] = {}  # texts are long, and the same field may set many inputs
    for node, name, ways in _ways(graph, fills):
        text, references = _plain(graph[node]["inputs"][name])
        for way in ways:
            if (way, text) not in done:
                done[way, text] = _filled(text, way, draw, lookup, at)
            text = done[way, text]
        filled.append((node, name, _joined(text, references)))
    for node, name, value in filled:  # last, as replacements are made of what nodes had before, as in the editor
        graph[node]["inputs"][name] = value


def filled_inputs(graph: Graph, fills: Mapping[str, Any]) -> tuple[list[FilledInput], list[tuple[str, str]]]:
    """Return the inputs whose text has something to fill in, and ``(node, warning)`` for what will stay as it is."""
    lookup = _lookup(graph, fills)
    found: list[FilledInput] = []
    warnings: list[tuple[str, str]] = []
    for node, name, ways in _ways(graph, fills):
        text = graph[node]["inputs"][name]
        signs: list[str] = []
        if REPLACEMENTS in ways:
            more, unknown = replacements_in(text, lookup)
            signs += more
            warnings += [(node, f"its input {name} has {one}, which names no node and value") for one in unknown]
        if DYNAMIC_PROMPT in ways or CHOICES in ways:
            prompt = signs_in(text)
            signs += prompt if DYNAMIC_PROMPT in ways or "choices" in prompt else []
        if signs:
            found.append(FilledInput(node, name, signs))
    return found, warnings


def _ways(graph: Graph, fills: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[str]]]:
    by_node = fills.get("inputs", {})
    for node, name, value in inputs_of(graph):
        if isinstance(value, MixedText) or (isinstance(value, str) and len(value) <= MAX_CHARACTERS):
            ways = by_node.get(node, {}).get(name, ())
            if name == FILE_NAME and REPLACEMENTS not in ways:
                ways = [REPLACEMENTS, *ways]
            if ways:
                yield node, name, ways


def _filled(text: str, way: str, draw: Draw, lookup: Lookup, at: datetime) -> str:
    if way == REPLACEMENTS:
        return fill_replacements(text, lookup, at)
    if way == CHOICES and "choices" not in signs_in(text):
        return text
    return fill_choices(text, lambda number, options: draw(f"choice {number} of {text}", options))


def _lookup(graph: Graph, fills: Mapping[str, Any]) -> Lookup:
    given = {name: node for name, node in fills.get("names", {}).items() if node in graph}
    by_class: dict[str, str] = {}
    by_title: dict[str, str] = {}
    for node, content in graph.items():
        if node not in given.values():
            by_class.setdefault(content["class_type"], node)
        title = content["_meta"].get("title") if isinstance(content.get("_meta"), dict) else None
        if isinstance(title, str):
            by_title.setdefault(title, node)
    nodes = by_title | by_class | given

    def value_of(name: str, widget: str) -> Any:
        value = graph[nodes[name]].get("inputs", {}).get(widget) if name in nodes else None
        return value if isinstance(value, (str, int, float)) else None

    return value_of


def _plain(value: str | MixedText) -> tuple[str, Sequence[Reference]]:
    """Write a text with NULs around the number of each reference: no text that comes in has a NUL."""
    if isinstance(value, str):
        return value, ()
    references = [part for part in value.parts if isinstance(part, Reference)]
    numbers = iter(range(len(references)))
    return "".join(part if isinstance(part, str) else f"\0{next(numbers)}\0" for part in value.parts), references


def _joined(text: str, references: Sequence[Reference]) -> Any:
    if not references:
        return text
    pieces = text.split("\0")
    parts = tuple(references[int(piece)] if at % 2 else piece for at, piece in enumerate(pieces) if piece)
    return MixedText(parts) if any(isinstance(part, Reference) for part in parts) else "".join(map(str, parts))
