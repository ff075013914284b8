"""``comfy_workflow``: a ComfyUI graph in API form; inputs map its nodes' inputs to form fields.

``data: {form, inputs, workflow}``, where ``workflow`` is ``{node id: {class_type, inputs}}`` and ``inputs`` is
``{node id: {input name: {value: form field id, default, is_required}}}``. ``fills`` says which texts are filled in for
each generation (``comfy_fills.py``). With ``allow_partial`` a result may lack outputs that ComfyUI refuses. The payload
is ``{"workflow": graph}``, with ``allow_partial`` if it is set, and with what the graph was converted from; what the
machine must have is linked to the workflow.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from emprops.connectors.comfyui.editor import SAVED, as_text
from emprops.workflows import comfy_fills, comfy_graph
from emprops.workflows.forms import Form, read_form
from emprops.workflows.kinds.base import Occasion, PlannedWork, filled, requirements_of
from emprops.workflows.paths import copied
from emprops.workflows.store import Workflow
from emprops.workflows.templates import MAX_DEPTH, deeper_than


class ComfyWorkflow:
    """See the module."""

    def check(self, data: Any) -> list[str]:
        """The graph must be in API form, and inputs must name its nodes and the form's fields."""
        if not isinstance(data, dict) or deeper_than(data, MAX_DEPTH):
            return [f"data must be an object with form, inputs and workflow, at most {MAX_DEPTH} levels deep"]
        form, problems = read_form(data.get("form"))
        if not isinstance(data.get("allow_partial", False), bool):
            problems = [*problems, "allow_partial must be true or false"]
        graph: Any = data.get("workflow")
        wrong = comfy_graph.find_problems(graph)
        if wrong:
            return [*problems, *wrong]
        problems += comfy_fills.find_problems(data.get("fills", {}), graph)
        inputs = data.get("inputs", {})
        if not isinstance(inputs, dict) or not all(isinstance(names, dict) for names in inputs.values()):
            return [*problems, "inputs must be an object: node id → input name → {value}"]
        problems += [f"inputs name node {node}, which the graph does not have" for node in inputs.keys() - graph.keys()]
        for node, name, source in _sources(inputs):
            field = source.get("value") if isinstance(source, dict) else None
            if not isinstance(field, str) or field not in form.fields:
                problems.append(f"input {name} of node {node} needs the id of a form field, not {field!r}")
        return problems

    def form(self, data: Any) -> Form:
        """The form."""
        return read_form(data["form"])[0]

    def plan(self, workflow: Workflow, fields: Mapping[str, Any], occasion: Occasion, /) -> PlannedWork:
        """Set the nodes' inputs and fill in their texts. Raises ``FieldsError``."""
        inputs = workflow.data.get("inputs", {})
        required = [
            source["value"]
            for _, _, source in _sources(inputs)
            if source.get("is_required") is True and source.get("default") is None
        ]
        values = filled(self.form(workflow.data), fields, required)
        graph = copied(workflow.data["workflow"])
        for node, name, source in _sources(inputs):
            value = values.get(source["value"], source.get("default"))
            if value is not None:
                graph[node].setdefault("inputs", {})[name] = copied(value)
        comfy_fills.fill(graph, workflow.data.get("fills", {}), occasion.draw, occasion.at)
        payload: dict[str, Any] = {"workflow": graph}
        if workflow.saved is not None:
            payload[SAVED] = as_text(workflow.saved)
        if workflow.data.get("allow_partial"):
            payload["allow_partial"] = True
        return PlannedWork("comfyui", payload, requirements_of(workflow), workflow.output_mime_type)


def _sources(inputs: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    for node, names in inputs.items():
        for name, source in names.items():
            yield node, name, source
