"""``dynamic_json``: a queue job whose payload is a JSON template with ``{{placeholders}}``.

``data: {template, variable_types: {name: {type, required, default, min, max, options}}, job_type}``. A placeholder that
is a whole text takes over the value with its type; an optional one without a value becomes null there, and nothing
within a longer text.
"""

from collections.abc import Mapping
from typing import Any

from emprops.workflows.forms import Field, FieldError, Form, read_field
from emprops.workflows.kinds.base import Occasion, PlannedWork, check_job_type, filled, requirements_of
from emprops.workflows.store import Workflow
from emprops.workflows.templates import TemplateError, named, parse


class DynamicJson:
    """See the module."""

    def check(self, data: Any) -> list[str]:
        """The template must be an object whose placeholders all have a type."""
        if not isinstance(data, dict):
            return ["data must be an object with template, variable_types and job_type"]
        form, problems = _read(data.get("variable_types", {}))
        wrong = check_job_type(data.get("job_type"))
        problems += [f"job_type {wrong}"] if wrong else []
        if not isinstance(data.get("template"), dict):
            return [*problems, "template must be a JSON object"]
        try:
            missing = sorted(parse(data["template"]).placeholders - form.fields.keys())
        except TemplateError as error:
            return [*problems, str(error)]
        if missing and not problems:
            problems.append(f"variable_types lacks {named(missing)} of the template")
        return problems

    def form(self, data: Any) -> Form:
        """One field per variable type."""
        return _read(data.get("variable_types", {}))[0]

    def plan(self, workflow: Workflow, fields: Mapping[str, Any], _occasion: Occasion, /) -> PlannedWork:
        """Fill the template. Raises ``FieldsError``."""
        form = self.form(workflow.data)
        values = dict.fromkeys(form.fields) | filled(form, fields)
        payload = parse(workflow.data["template"]).fill(values)
        return PlannedWork(workflow.data["job_type"], payload, requirements_of(workflow), workflow.output_mime_type)


def _read(types: Any) -> tuple[Form, list[str]]:
    if not isinstance(types, dict):
        return Form({}), ["variable_types must be an object: a type per variable"]
    fields: dict[str, Field] = {}
    problems: list[str] = []
    for name, item in types.items():
        try:
            fields[name] = read_field(name, item if isinstance(item, dict) else {"type": item})
        except FieldError as error:
            problems.append(f"variable {name} {error}")
    return Form(fields), problems
