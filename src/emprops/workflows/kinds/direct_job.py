"""``direct_job``: one queue job whose payload is stored in the definition; inputs place form fields in it.

``data: {form, inputs: [{id, pathJq, is_required}], job: {service_required, payload}}``. A path begins at the job when
its first key is ``service_required`` or ``payload``, else at the payload: ``.payload.prompt`` and ``.prompt`` are the
same.
"""

from collections.abc import Mapping
from typing import Any

from emprops.workflows.forms import Form, read_form
from emprops.workflows.kinds.base import (
    FieldsError,
    Occasion,
    PlannedWork,
    check_inputs,
    check_job_type,
    filled,
    required_inputs,
    requirements_of,
    rooted,
)
from emprops.workflows.paths import PathError, copied, set_path
from emprops.workflows.store import Workflow
from emprops.workflows.templates import MAX_DEPTH, deeper_than

ROOTS = frozenset({"service_required", "payload"})
SERVICE = ("service_required",)


class DirectJob:
    """See the module."""

    def check(self, data: Any) -> list[str]:
        """Form, inputs and job must be there and fit each other."""
        if not isinstance(data, dict) or deeper_than(data, MAX_DEPTH):
            return [f"data must be an object with form, inputs and job, at most {MAX_DEPTH} levels deep"]
        form, problems = read_form(data.get("form"))
        job = data.get("job")
        if not isinstance(job, dict) or not isinstance(job.get("payload", {}), dict):
            return [*problems, "job must be an object with service_required and a payload object"]
        inputs = data.get("inputs", [])
        problems += check_inputs(inputs, form, _target(job), ROOTS, "payload")
        if not problems and SERVICE not in [rooted(item["pathJq"], ROOTS, "payload") for item in inputs]:
            wrong = check_job_type(job.get("service_required"))
            problems += [f"job.service_required {wrong}"] if wrong else []
        return problems

    def form(self, data: Any) -> Form:
        """The form."""
        return read_form(data["form"])[0]

    def plan(self, workflow: Workflow, fields: Mapping[str, Any], _occasion: Occasion, /) -> PlannedWork:
        """Place the fields. Raises ``FieldsError``."""
        data = workflow.data
        inputs = data.get("inputs", [])
        values = filled(self.form(data), fields, required_inputs(inputs))
        job = _target(data["job"])
        service_field = ""
        for item in inputs:
            name, path = item["id"], rooted(item["pathJq"], ROOTS, "payload")
            service_field = name if path == SERVICE else service_field
            if name in values:
                try:
                    job = set_path(job, path, values[name])
                except PathError as error:
                    raise FieldsError({name: str(error)}) from None
        wrong = check_job_type(job["service_required"])
        if wrong:
            raise FieldsError({service_field: wrong})
        if not isinstance(job["payload"], dict):
            payload_fields = [item["id"] for item in inputs if rooted(item["pathJq"], ROOTS, "payload") == ("payload",)]
            raise FieldsError({str(payload_fields[-1]): "must be a JSON object: it is the payload of the job"})
        return PlannedWork(
            job["service_required"], job["payload"], requirements_of(workflow), workflow.output_mime_type
        )


def _target(job: dict[str, Any]) -> dict[str, Any]:
    return {"service_required": job.get("service_required"), "payload": copied(job.get("payload", {}))}
