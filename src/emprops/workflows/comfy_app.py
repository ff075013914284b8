"""The form of a workflow whose author chose in the editor's App Mode what users may set. Pure."""

from collections.abc import Iterator
from typing import Any

from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.connectors.comfyui.problems import title_in
from emprops.workflows.comfy_fields import label_of
from emprops.workflows.comfy_graph import Graph, is_literal
from emprops.workflows.comfy_inputs import MAX_LABEL, MAX_PROPOSED, Proposal, propose_for, unused

Target = tuple[str, str]


def propose_shown(graph: Graph, shown: Any, classes: Catalogue | None = None) -> list[Proposal]:
    """Return a field for each widget that an app shows, in its order; none if ``shown`` is not formed so.

    ``shown``: for each widget, the inputs ``[node, name]`` that it sets. A field sets these and no others.
    """
    groups: dict[Target, list[Target]] = {}
    for said in shown if isinstance(shown, list) else ():
        settable = [target for target in _targets(said) if is_literal(_value(graph, target))]
        if settable and len(groups) < MAX_PROPOSED:
            groups.setdefault(settable[0], settable)
    found = {target: one for one in propose_for(graph, list(groups), classes) for target in one.targets}
    bases = [_base(found[first].form_field["id"]) for first in groups]
    proposals: list[Proposal] = []
    taken: set[str] = set()
    for base, (first, targets) in zip(bases, groups.items(), strict=True):
        name = unused(base, taken)
        title = title_in(graph[first[0]])[:MAX_LABEL] if bases.count(base) > 1 else ""
        content = found[first].form_field | {"id": name, "name": title or label_of(name)}
        proposals.append(Proposal(content, targets, found[first].required))
    return proposals


def _targets(group: Any) -> Iterator[Target]:
    for one in group if isinstance(group, list) else ():
        match one:
            case [str(node), str(name)]:
                yield node, name


def _value(graph: Graph, target: Target) -> Any:
    node = graph.get(target[0])
    return None if node is None else node.get("inputs", {}).get(target[1])


def _base(name: str) -> str:
    words, _, number = name.rpartition("_")
    return words if words and number.isdigit() else name
