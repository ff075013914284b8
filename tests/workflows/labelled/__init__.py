"""Graphs of many kinds, each literal input labelled with the form field that whoever publishes the graph would want.

One file per kind. A graph is a block of lines, one per node: id, class, perhaps ``#"title"``, and its inputs:
``name=>4.1`` is a link to output 1 of node 4, ``name=json`` a literal that nobody would want to set, and
``name=json@field`` one that belongs into a field of that name. Graphs that are ``held out`` were labelled with the
others but not looked at while the rules were made. ``classes.json`` has what a ComfyUI says of the classes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emprops.connectors.comfyui.catalogue import Catalogue, read_catalogue
from emprops.workflows.comfy_graph import Graph
from emprops.workflows.comfy_inputs import Proposal, propose

HERE = Path(__file__).parent
CLASS = r'"[^"]+"|\S+'
NODE = re.compile(rf'(?P<id>\S+) (?P<class>{CLASS})(?: #(?P<title>"[^"]*"))?(?P<inputs>(?: .*)?)')
INPUT = re.compile(
    r' (?P<name>[\w.]+)=(?:>(?P<node>[\w:]+)\.(?P<slot>\d+)|(?P<json>"(?:[^"\\]|\\.)*"|[^\s@]+))(?:@(?P<label>\w+))?'
)
NUMBER = re.compile(r"_\d+$")
Place = tuple[str, str, str]
"""Node, input, and the field it belongs into."""


@dataclass
class Labelled:
    """A graph and its labels."""

    name: str
    held_out: bool
    graph: dict[str, Any] = field(default_factory=dict)
    wanted: set[Place] = field(default_factory=set)


@dataclass
class Score:
    """How well what is proposed fits what is wanted, input by input."""

    right: int = 0
    superfluous: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right / (self.right + len(self.superfluous))

    @property
    def recall(self) -> float:
        return self.right / (self.right + len(self.missing))

    def add(self, case: Labelled, proposals: list[Proposal]) -> None:
        found = {
            (node, name, NUMBER.sub("", proposal.form_field["id"]))
            for proposal in proposals
            for node, name in proposal.targets
        }
        self.right += len(found & case.wanted)
        self.superfluous += [f"{case.name}: {' '.join(place)}" for place in sorted(found - case.wanted)]
        self.missing += [f"{case.name}: {' '.join(place)}" for place in sorted(case.wanted - found)]


def labelled() -> Iterator[Labelled]:
    """Read all graphs."""
    for path in sorted(HERE.glob("*.txt")):
        for block in re.split(r"^== ", path.read_text(), flags=re.MULTILINE)[1:]:
            head, *lines = block.strip().splitlines()
            case = Labelled(head.removesuffix(" (held out)"), head.endswith(" (held out)"))
            for line in lines:
                _read_node(case, line)
            yield case


def _read_node(case: Labelled, line: str) -> None:
    found = NODE.fullmatch(line)
    assert found is not None, line
    assert found["id"] not in case.graph, line
    content: dict[str, Any] = {"class_type": found["class"].strip('"'), "inputs": {}}
    if found["title"]:
        content["_meta"] = {"title": json.loads(found["title"])}
    assert INPUT.sub("", found["inputs"]) == "", line
    for one in INPUT.finditer(found["inputs"]):
        content["inputs"][one["name"]] = [one["node"], int(one["slot"])] if one["node"] else json.loads(one["json"])
        if one["label"]:
            case.wanted.add((found["id"], one["name"], one["label"]))
    case.graph[found["id"]] = content


def classes() -> Catalogue:
    """Read what a ComfyUI says of the classes in the graphs; those of other packs it does not know."""
    written: Mapping[str, Any] = json.loads((HERE / "classes.json").read_text())
    return read_catalogue({name: _object_info(**content) for name, content in written.items()})


def _object_info(takes: Mapping[str, str], gives: list[str], *, ends: bool = False) -> dict[str, Any]:
    required = {name: _spec(*said.split(" ", 1)) for name, said in takes.items()}
    return {"input": {"required": required}, "output": gives, "output_node": ends}


def _spec(kind: str, said: str = "") -> list[Any]:
    match kind:
        case "INT" | "FLOAT":
            limits = [json.loads(one) for one in said.split()]
            return [
                kind,
                {key: one for key, one in zip(("min", "max", "step"), limits, strict=False) if one is not None},
            ]
        case "COMBO":
            return [kind, {"options": [json.loads(one) if one.isdigit() else one for one in said.split("|")]}]
        case "UPLOAD":
            return ["COMBO", {f"{said}_upload": True}]
        case "TEXT":
            return ["STRING", {"multiline": True}]
        case _:
            return [kind, {}]


def score(cases: list[Labelled], known: Catalogue | None) -> Score:
    """Propose for each graph, and compare."""
    total = Score()
    for case in cases:
        graph: Graph = case.graph
        total.add(case, propose(graph, known))
    return total
