"""Which inputs of a ComfyUI graph a user would want to set, as a form. Pure.

``comfy_roles.py`` says what inputs mean; links, and what means nothing to a user, stay. Equal values with the same
meaning share a field, as the two passes of a high-resolution graph do.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.connectors.comfyui.problems import title_in
from emprops.workflows import comfy_flow
from emprops.workflows.comfy_fields import content_of, is_settable, label_of, plain_role
from emprops.workflows.comfy_graph import Graph, inputs_of, is_literal
from emprops.workflows.comfy_roles import BY_NAME, FILES, Role, Spot, last_part

Json = dict[str, Any]
Key = tuple[str, Any, Any]
"""What inputs share that share a field: its name, their value, and what they are of."""

MAX_PROPOSED = 60
INSTRUCTIONS = re.compile(r"^(?!.*\buser\b).*\b(system|template|trigger|instructions?)\b", re.IGNORECASE)
"""In the title of a text that goes together with others: what the author says, not what a user asks for."""
WRAPPED = re.compile(
    r"(?:int|float|string|text|number)\s*\((?:multiline - )?(.*)\)|(.*?)\s*\((?:int|float)\)", re.IGNORECASE
)
"""How titles name what a primitive is for: ``Int (Width)``, ``Frame Rate(float)``."""
TITLED = frozenset({"width", "height", "length", "duration", "fps", "steps", "cfg", "seed", "denoise", "guidance"})
"""What a title may say that a primitive's value is."""
SIZES = frozenset({"width", "height", "length"})
FOLLOWERS = re.compile(r"ModelSampling|CLIPTextEncode|Scheduler|SolidMask|GenerateTracks|ResizeAndPad")
"""Classes that are told a size which another node decides."""
CANVAS = "EmptyImage"
"""Decides the size where nothing else does."""
PRIMITIVE = "value"
"""The only input of nodes that hold a value for others."""
JOINED = ("string", "string_a", "string_b")
MAX_LABEL = 60
FIRST = ("prompt", "negative_prompt", "tags", "lyrics", *FILES)
"""Fields at the top of a form, in this order; all others follow in the graph's."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A form field, and the nodes' inputs that it sets."""

    form_field: Json
    targets: list[tuple[str, str]] = field(default_factory=list)
    required: bool = False


@dataclass(frozen=True, slots=True)
class _View:
    """A graph with what is found out about it once."""

    graph: Graph
    classes: Catalogue
    used: Mapping[str, list[tuple[str, str]]]
    running: set[str]
    idle: set[str]
    sides: Mapping[str, comfy_flow.Side]


def propose(graph: Graph, classes: Catalogue | None = None) -> list[Proposal]:
    """Return a field for each input worth setting: texts first, then files, then the others in the graph's order.

    ``classes``: what is known of the node classes. They tell limits and choices, and texts of any class.
    """
    known = classes or {}
    view = _View(
        graph,
        known,
        comfy_flow.uses_by_node(graph),
        comfy_flow.running(graph, known),
        comfy_flow.idle(graph),
        comfy_flow.sides(graph, known),
    )
    meant = list(_meant(view))
    groups: dict[Key, tuple[Role, list[Spot]]] = {}
    followers: list[tuple[Key, Spot]] = []
    leading = {
        role.field for spot, role in meant if not FOLLOWERS.search(spot.class_type) and spot.class_type != CANVAS
    }
    for spot, role in meant:
        key = (role.field, spot.value, role.apart(spot) if role.apart else None)
        if _follows(spot, role, leading):
            followers.append((key, spot))
        else:
            groups.setdefault(key, (role, []))[1].append(spot)
    for key, spot in followers:
        if key in groups:
            groups[key][1].append(spot)
    return _as_proposals(list(groups.values()))


def propose_for(graph: Graph, chosen: Sequence[tuple[str, str]], classes: Catalogue | None = None) -> list[Proposal]:
    """Return a field for each of the chosen inputs (node, name) that has a value, in their order.

    Those that :func:`propose` finds are as it finds them, with what shares their field; others as value and class say.
    """
    known = classes or {}
    found = {target: proposal for proposal in propose(graph, known) for target in proposal.targets}
    proposals: list[Proposal] = []
    taken = {proposal.form_field["id"] for proposal in map(found.get, chosen) if proposal is not None}
    for node, name in chosen:
        if (node, name) not in found:
            value = graph[node].get("inputs", {}).get(name) if node in graph else None
            if not is_literal(value):
                continue
            spot = _spot(graph, known, node, name, value)
            found[node, name] = _proposal(_file_role(spot) or plain_role(spot), [spot], taken)
        if found[node, name] not in proposals:
            proposals.append(found[node, name])
    return proposals


def form_of(proposals: list[Proposal]) -> Json:
    """Write proposals as a workflow's ``form``."""
    return {
        "config": {"groupOrder": ["main"], "componentGroup": "comfy"},
        "fields": [proposal.form_field for proposal in proposals],
    }


def inputs_by_node(proposals: list[Proposal]) -> Json:
    """Write proposals as a workflow's ``inputs``."""
    inputs: Json = {}
    for proposal in proposals:
        for node, name in proposal.targets:
            inputs.setdefault(node, {})[name] = {"value": proposal.form_field["id"], "is_required": proposal.required}
    return inputs


def _as_proposals(groups: list[tuple[Role, list[Spot]]]) -> list[Proposal]:
    proposals: list[Proposal] = []
    taken: set[str] = set()
    rank = {name: at for at, name in enumerate(FIRST)}
    for role, spots in sorted(groups[:MAX_PROPOSED], key=lambda group: rank.get(group[0].field, len(rank))):
        proposals.append(_proposal(role, spots, taken))
    return proposals


def _proposal(role: Role, spots: list[Spot], taken: set[str]) -> Proposal:
    name = unused(role.field, taken)
    titled = role.takes == "text" and spots[0].name == PRIMITIVE
    label = (spots[0].title if titled else "") or label_of(name)
    content = {"id": name, "name": label, "display": True, "group": "main"} | content_of(role, spots)
    return Proposal(content, [(spot.node, spot.name) for spot in spots], required="required" in content)


def _meant(view: _View) -> Iterator[tuple[Spot, Role]]:
    """Yield the literals that mean something to a user, with what they mean."""
    for node, name, value in inputs_of(view.graph):
        if node not in view.running or node in view.idle or not is_literal(value):
            continue
        spot = _spot(view.graph, view.classes, node, name, value)
        found = _of_primitive(view, spot) if _is_primitive(spot) else _of_spot(view, spot)
        if found is not None and is_settable(found[0]):
            yield found


def _of_spot(view: _View, spot: Spot) -> tuple[Spot, Role] | None:
    role = _file_role(spot) or _role(view, spot)
    if role is None or not _takes(role, spot) or any(test(spot) for test in role.unless):
        return None
    return spot, role


def _role(view: _View, spot: Spot) -> Role | None:
    name = last_part(spot.name)
    role = BY_NAME.get(name)
    if role is None and spot.fact is not None and spot.fact.multiline and "prompt" in name and "system" not in name:
        role = BY_NAME["prompt"]
    if role is BY_NAME["prompt"]:
        side = view.sides.get(spot.node) or spot.title.lower()
        return BY_NAME["negative_prompt"] if "negative" in side or "negative" in name else role
    return role


def _takes(role: Role, spot: Spot) -> bool:
    value, kind = spot.value, spot.fact.type if spot.fact is not None else "STRING"
    if isinstance(value, bool):
        return role.takes == "switch"
    if isinstance(value, str):
        return (
            role.takes == "file"
            or (role.takes == "text" and "STRING" in kind.split(","))
            or (role.takes in ("choice", "either") and value != "")
        )
    if role.takes == "seed":
        return isinstance(value, int) and value >= 0
    return role.takes in ("number", "either")


def _file_role(spot: Spot) -> Role | None:
    """Return what a loader loads: as its class says, else by the names of class and input."""
    kind = spot.fact.upload.rpartition("_")[2] if spot.fact is not None else ""
    name = last_part(spot.name)
    if not kind and "Load" in spot.class_type and name in (*FILES, "file", "url"):
        kinds = [one for one in ("video", "audio", "image") if one in spot.class_type.lower()]
        kind = next(iter(kinds), name)
    return FILES.get("mask" if kind == "image" and "Mask" in spot.class_type else kind)


def _is_primitive(spot: Spot) -> bool:
    """Whether a node is there to hold the value for others; also one that joins texts of its own."""
    way = comfy_flow.way_of(spot.class_type)
    joins = way == "text" and spot.name in JOINED and not spot.links and spot.value != ""
    return joins or (way == "straight" and spot.name == PRIMITIVE)


def _of_primitive(view: _View, spot: Spot) -> tuple[Spot, Role] | None:
    """Return what a primitive's value means: what it is used for, or what its title says of it.

    Where it goes into a sum, the title counts: seconds times frames per second is neither.
    """
    used: list[tuple[Spot, Role]] = []
    reckoned: list[tuple[Spot, Role]] = []
    for use in comfy_flow.uses_of(view.graph, view.used, spot.node, view.running):
        if use.way == "text" and INSTRUCTIONS.search(spot.title):
            continue
        found = _of_spot(view, _spot(view.graph, view.classes, use.node, use.input, spot.value))
        if found is not None:
            there, role = found
            fact = there.fact if use.way == "straight" else None
            here = replace(there, node=spot.node, name=spot.name, title=spot.title, fact=fact)
            if use.way != "math":
                used.append((here, role))
            elif not spot.title:
                reckoned.append((here, role))
    named = BY_NAME.get(spot.title.replace(" ", "_").lower())
    titled = named if named is not None and named.field in TITLED and _takes(named, spot) else None
    same = [(here, role) for here, role in used if role is titled]
    said = [(spot, titled)] if titled is not None else []
    return next(iter([*same, *used, *said, *reckoned]), None)


def _spot(graph: Graph, classes: Catalogue, node: str, name: str, value: Any) -> Spot:
    content = graph[node]
    fact = comfy_flow.fact_of(classes, content, name)
    title = title_in(content)
    inner = WRAPPED.fullmatch(title)
    title = next((part for part in inner.groups() if part), "") if inner else title[:MAX_LABEL]
    return Spot(node, content["class_type"], content["inputs"], name, value, fact, title)


def _follows(spot: Spot, role: Role, leading: set[str]) -> bool:
    """Whether an input only goes along with another of the same value, and is no field by itself."""
    if spot.class_type == CANVAS:
        return role.field in leading
    # A primitive is there to decide.
    return role.field in SIZES and spot.name != PRIMITIVE and FOLLOWERS.search(spot.class_type) is not None


def unused(role: str, taken: set[str]) -> str:
    """Return a name for another field of a role, and add it to those that are taken."""
    name, number = role, 1
    while name in taken:
        number += 1
        name = f"{role}_{number}"
    taken.add(name)
    return name
