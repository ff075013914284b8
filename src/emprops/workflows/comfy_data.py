"""From what somebody sends as a ``comfy_workflow`` to what is stored, and what the graph says about itself. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.workflows import comfy_app, comfy_fills, comfy_graph, comfy_inputs
from emprops.workflows.comfy_fills import FilledInput
from emprops.workflows.comfy_graph import Graph, ModelUse
from emprops.workflows.comfy_inputs import Proposal

WRAPPERS = ("workflow", "prompt")
"""Under which key a graph may lie: ours, and that of ComfyUI's own requests."""
SHOWN = "app_inputs"
"""The key that holds what an app shows: for each widget the inputs that it sets, ``[[node, name], …]``. It decides
which inputs a proposed form has, and is not stored."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a graph needs and offers."""

    node_classes: Sequence[str]
    models: Sequence[ModelUse]
    proposals: Sequence[Proposal]
    filled: Sequence[FilledInput] = ()
    """Inputs whose text has something that is filled in for each generation."""
    unfilled: Sequence[tuple[str, str]] = ()
    """Node and sentence for what looks as if it were to be filled in, and stays as it is."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """``data`` as it is checked and stored; ``analysis`` None if the graph cannot be read."""

    data: Any
    analysis: Analysis | None = None


def prepare(data: Any, classes: Catalogue | None = None) -> Prepared:
    """Accept the bare graph too, and propose form and inputs where they are missing.

    ``classes``: what is known of the graph's node classes.
    """
    rest, graph = _unwrapped(data)
    if comfy_graph.find_problems(graph):
        return Prepared(data if rest is None else {**rest, "workflow": graph})
    stored = {**(rest or {}), "workflow": graph}
    shown = stored.pop(SHOWN, None)
    stored.pop("analysis", None)  # of a conversion, whose reply may be sent here as it is
    proposals = comfy_app.propose_shown(graph, shown, classes) or comfy_inputs.propose(graph, classes)
    if "fills" not in stored and (fills := comfy_fills.fills_of(graph, classes or {}, comfy_fills.CHOICES)):
        stored["fills"] = fills
    filled, unfilled = comfy_fills.filled_inputs(graph, comfy_fills.sound(stored.get("fills"), graph))
    models = comfy_graph.models_of(graph)
    analysis = Analysis(comfy_graph.node_classes(graph), models, proposals, filled, unfilled)
    if "form" not in stored and "inputs" not in stored:
        stored["form"] = comfy_inputs.form_of(proposals)
        stored["inputs"] = comfy_inputs.inputs_by_node(proposals)
    elif "form" not in stored:
        stored["form"] = _form_for(stored["inputs"], graph, classes)
    elif "inputs" not in stored:
        fields = _ids(stored["form"])
        stored["inputs"] = comfy_inputs.inputs_by_node([p for p in proposals if p.form_field["id"] in fields])
    return Prepared(stored, analysis)


def classes_in(data: Any) -> frozenset[str]:
    """Return the node classes of the graph in a workflow's data; none if it cannot be read."""
    graph = _unwrapped(data)[1]
    return frozenset() if comfy_graph.find_problems(graph) else frozenset(comfy_graph.node_classes(graph))


def _unwrapped(data: Any) -> tuple[dict[str, Any] | None, Any]:
    """Take the graph out: ``(what is stored next to it, graph)``."""
    if not isinstance(data, dict):
        return None, data
    for key in WRAPPERS:
        # A graph's own keys are node ids, and a node has a class; what has none is a wrapper.
        if isinstance(data.get(key), dict) and "class_type" not in data[key]:
            return {name: value for name, value in data.items() if name != key}, data[key]
    return {}, data


def _form_for(inputs: Any, graph: Graph, classes: Catalogue | None) -> dict[str, Any]:
    """Make a form for given inputs, each field for what its input means."""
    wanted = {
        (node, name): source["value"]
        for node, names in (inputs.items() if isinstance(inputs, dict) else ())
        for name, source in (names.items() if isinstance(names, dict) else ())
        if isinstance(source, dict) and isinstance(source.get("value"), str)
    }
    fields: dict[str, dict[str, Any]] = {}
    for proposal in comfy_inputs.propose_for(graph, list(wanted), classes):
        for name in (wanted[target] for target in proposal.targets if target in wanted):
            fields.setdefault(name, proposal.form_field | {"id": name})
    return {"config": {"groupOrder": ["main"], "componentGroup": "comfy"}, "fields": list(fields.values())}


def _ids(form: Any) -> set[str]:
    fields = form.get("fields") if isinstance(form, Mapping) else None
    found = [item.get("id") for item in fields if isinstance(item, dict)] if isinstance(fields, list) else []
    return {name for name in found if isinstance(name, str)}
