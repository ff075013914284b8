"""``fetch_api``: a request to an HTTP API, sent by a worker.

``data: {form, inputs: [{id, pathJq, is_required}], api: {url, method, headers, fetchType, wait | polling, …}, body}``.
Inputs place form fields in the body and nowhere else. ``{{NAMES}}`` in ``api`` are secrets: they stay names here, and
the worker fills them in there and nowhere else, so no value a user gives can ask for one. The payload is
``{"api": api, "body": body, "output_mime_type": type, "workflow": {id, name, roles}}``;
``connectors/fetch_api/definition.py`` reads ``api``. ``workflow`` decides which secrets the worker uses, so nothing
that an author writes gets there, and no other workflow type may plan such jobs (``base.OWN_JOB_TYPES``).
"""

from collections.abc import Mapping
from typing import Any

from emprops.auth.caller import OPERATOR, ROLES, SERVICE
from emprops.connectors.fetch_api import definition
from emprops.workflows.forms import Form, read_form
from emprops.workflows.kinds.base import (
    FieldsError,
    Occasion,
    PlannedWork,
    check_inputs,
    filled,
    required_inputs,
    requirements_of,
    rooted,
)
from emprops.workflows.paths import PathError, copied, set_path
from emprops.workflows.store import Workflow
from emprops.workflows.templates import MAX_DEPTH, deeper_than

ROOTS = frozenset({"body"})


class FetchApi:
    """See the module."""

    def check(self, data: Any) -> list[str]:
        """The API must have an address and a way to wait; inputs must fit the body."""
        if not isinstance(data, dict) or deeper_than(data, MAX_DEPTH):
            return [f"data must be an object with form, inputs, api and body, at most {MAX_DEPTH} levels deep"]
        form, problems = read_form(data.get("form"))
        try:
            definition.read(data.get("api"))
        except definition.DefinitionError as error:
            problems += error.problems
        problems += check_inputs(data.get("inputs", []), form, {"body": copied(data.get("body"))}, ROOTS, "body")
        return problems

    def form(self, data: Any) -> Form:
        """The form."""
        return read_form(data["form"])[0]

    def plan(self, workflow: Workflow, fields: Mapping[str, Any], _occasion: Occasion, /) -> PlannedWork:
        """Place the fields in the body. Raises ``FieldsError``."""
        data = workflow.data
        inputs = data.get("inputs", [])
        values = filled(self.form(data), fields, required_inputs(inputs))
        target: dict[str, Any] = {"body": copied(data.get("body"))}
        for item in inputs:
            if item["id"] in values:
                try:
                    target = set_path(target, rooted(item["pathJq"], ROOTS, "body"), values[item["id"]])
                except PathError as error:
                    raise FieldsError({item["id"]: str(error)}) from None
        payload = {
            "api": data["api"],
            "body": target["body"],
            "output_mime_type": workflow.output_mime_type,
            "workflow": {
                "id": str(workflow.id),
                "name": workflow.name,
                "roles": _roles_of(workflow),
            },
        }
        return PlannedWork("fetch_api", payload, requirements_of(workflow), workflow.output_mime_type)


def _roles_of(workflow: Workflow) -> list[str]:
    """Return what the owner was granted; an operator is all that others are."""
    if workflow.user_id is None:
        return [SERVICE]
    return list(ROLES if OPERATOR in workflow.owner_roles else workflow.owner_roles)
