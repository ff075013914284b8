"""``basic``: nothing to run. A step of this type holds a value that others refer to."""

from collections.abc import Mapping
from typing import Any

from emprops.workflows.forms import Form, read_form
from emprops.workflows.kinds.base import HeldValue, Occasion, filled
from emprops.workflows.store import Workflow


class Basic:
    """``data: {form}``; the first field of the form that has a value is the step's result."""

    def check(self, data: Any) -> list[str]:
        """Only the form can be wrong."""
        if not isinstance(data, dict):
            return ["data must be an object with a form"]
        form, problems = read_form(data.get("form"))
        return problems or ([] if form.fields else ["the form has no field to hold a value"])

    def form(self, data: Any) -> Form:
        """The form."""
        return read_form(data["form"])[0]

    def plan(self, workflow: Workflow, fields: Mapping[str, Any], _occasion: Occasion, /) -> HeldValue:
        """Hold the value. Raises ``FieldsError``."""
        values = filled(self.form(workflow.data), fields)
        return HeldValue(next(iter(values.values()), ""))
