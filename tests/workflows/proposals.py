"""Which form fields are proposed for a graph."""

from typing import Any

from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.workflows.comfy_inputs import propose

Json = dict[str, Any]


def node(class_type: str, title: str = "", **inputs: Any) -> Json:
    return {"class_type": class_type, "inputs": inputs} | ({"_meta": {"title": title}} if title else {})


def fields(graph: Json, known: Catalogue | None = None) -> dict[str, Json]:
    return {proposal.form_field["id"]: proposal.form_field for proposal in propose(graph, known)}


def targets(graph: Json, known: Catalogue | None = None) -> dict[str, list[str]]:
    return {one.form_field["id"]: [".".join(target) for target in one.targets] for one in propose(graph, known)}
