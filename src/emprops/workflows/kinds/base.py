"""What a workflow type is: it checks definitions, and turns a filled form into work for the queue. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from emprops.queue.messages import Requirements
from emprops.workflows.forms import REQUIRED, Form
from emprops.workflows.paths import PathError, parse_path, set_path
from emprops.workflows.store import Workflow

JOB_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
OWN_JOB_TYPES = frozenset({"comfyui", "fetch_api"})
"""Job types that only workflows of their own type may plan: they run graphs, or send requests with secrets."""


class FieldsError(ValueError):
    """A step's fields do not fit its workflow; ``problems`` has a sentence per field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class PlannedWork:
    """A step as the queue takes it. The payload may hold references (``workflows/references.py``)."""

    job_type: str
    payload: dict[str, Any]
    requirements: Requirements
    output_mime_type: str
    builders: tuple[UUID, ...] = ()
    """Who must be allowed to build it; planning says so, not the kind."""


@dataclass(frozen=True, slots=True)
class HeldValue:
    """A step with nothing to run: references to it get this value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Occasion:
    """For which generation a step is planned, and when."""

    draw: Callable[[str, int], int]
    """Chance of the generation: ``(purpose, how many) -> one of 0 … n - 1``; the same seed gives the same."""
    at: datetime


class Kind(Protocol):
    """One workflow type."""

    def check(self, data: Any) -> list[str]:
        """Return everything that is wrong with a definition, in sentences; nothing if it can be planned."""

    def form(self, data: Any) -> Form:
        """Return the fields a step of this workflow takes. ``data`` has passed :meth:`check`."""

    def plan(self, workflow: Workflow, fields: Mapping[str, Any], occasion: Occasion, /) -> PlannedWork | HeldValue:
        """Turn form values (which may be references) into work. Raises :class:`FieldsError`."""


def filled(form: Form, fields: Mapping[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    """Fill the form; ``required`` names further fields that must have a value. Raises :class:`FieldsError`."""
    result = form.fill(fields)
    problems = {name: REQUIRED for name in required if name not in result.values} | result.problems
    if problems:
        raise FieldsError(problems)
    return result.values


def requirements_of(workflow: Workflow) -> Requirements:
    """Return what a worker must have: the linked models and custom nodes."""
    return Requirements.from_json({"models": workflow.models, "custom_nodes": workflow.custom_nodes})


def check_job_type(job_type: object) -> str | None:
    """Return what is wrong with a job type that a definition or a field names; None if nothing is."""
    if not isinstance(job_type, str) or not JOB_TYPE.fullmatch(job_type):
        return "must be a job type such as openai_chat: letters, digits, _ . -"
    if job_type in OWN_JOB_TYPES:
        return f"must not be {job_type}: only a workflow of that type may plan such jobs"
    return None


def check_inputs(inputs: Any, form: Form, target: Any, roots: frozenset[str], inner: str) -> list[str]:
    """Return what is wrong with a list of ``{id, pathJq, is_required}`` that places ``form``'s fields in ``target``."""
    if not isinstance(inputs, list):
        return ["inputs must be a list of {id, pathJq}"]
    problems: list[str] = []
    for at, item in enumerate(inputs, 1):
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, str) or name not in form.fields:
            problems.append(f"input {at} needs the id of a form field, not {name!r}")
            continue
        try:
            target = set_path(target, rooted(item.get("pathJq"), roots, inner), None)
        except PathError as error:
            problems.append(f"input {name}: {error}")
    return problems


def rooted(text: object, roots: frozenset[str], inner: str) -> tuple[str | int, ...]:
    """Read a ``pathJq``; one that begins with none of ``roots`` begins within ``inner``. Raises ``PathError``."""
    path = parse_path(text)
    return path if path and path[0] in roots else (inner, *path)


def required_inputs(inputs: list[dict[str, Any]]) -> list[str]:
    """Return the form fields that the inputs require."""
    return [item["id"] for item in inputs if item.get("is_required") is True]
