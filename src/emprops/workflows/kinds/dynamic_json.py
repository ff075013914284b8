"""``dynamic_json``: a queue job whose payload is a JSON template with ``{{placeholders}}``.

``data: {template, variable_types: {name: {type, required, default, min, max, options}}, job_type}``. A placeholder
without a type is a text. A placeholder that is a whole text takes over the value with its type; an optional one without
a value becomes null there, and nothing within a longer text.
"""

from collections.abc import Mapping
from typing import Any

from emprops.workflows.forms import Field, FieldError, Form, read_field
from emprops.workflows.kinds.base import Occasion, PlannedWork, check_job_type, filled, requirements_of
from emprops.workflows.store import Workflow
from emprops.workflows.templates import TemplateError, parse


class DynamicJson:
    """See the module."""

    def check(self, data: Any) -> list[str]:
        """The template must be an object that can be parsed."""
        if not isinstance(data, dict):
            return ["data must be an object with template and job_type"]
        _, problems = _read(data)
        wrong = check_job_type(data.get("job_type"))
        return problems + ([f"job_type {wrong}"] if wrong else [])

    def form(self, data: Any) -> Form:
        """One field per variable type, and a text for each placeholder without one."""
        return _read(data)[0]

    def plan(self, workflow: Workflow, fields: Mapping[str, Any], _occasion: Occasion, /) -> PlannedWork:
        """Fill the template. Raises ``FieldsError``."""
        form = self.form(workflow.data)
        values = dict.fromkeys(form.fields) | filled(form, fields)
        payload = parse(workflow.data["template"]).fill(values)
        return PlannedWork(workflow.data["job_type"], payload, requirements_of(workflow), workflow.output_mime_type)


def _read(data: Mapping[str, Any]) -> tuple[Form, list[str]]:
    types = data.get("variable_types")
    types = {} if types is None else types
    if not isinstance(types, dict):
        return Form({}), ["variable_types must be an object: a type per variable"]
    problems: list[str] = []
    untyped: dict[str, Any] = {}
    if isinstance(data.get("template"), dict):
        try:
            untyped = dict.fromkeys(sorted(parse(data["template"]).placeholders - types.keys()), "text")
        except TemplateError as error:
            problems.append(str(error))
    else:
        problems.append("template must be a JSON object")
    fields: dict[str, Field] = {}
    for name, item in (types | untyped).items():
        try:
            fields[name] = read_field(name, item if isinstance(item, dict) else {"type": item})
        except FieldError as error:
            problems.append(f"variable {name} {error}")
    return Form(fields), problems
