"""Simple collections: one queue job whose payload is a JSON template. Pure.

The template is stored as it is structured, in the field ``payload`` of one step of the workflow ``flexible_prompt``;
only its texts change, to prompt-editor texts with embedded variables. So a value can fill a text, but never becomes
part of the structure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emprops.collections import instructions
from emprops.collections.variables import NAME
from emprops.errors import BadRequestError
from emprops.workflows.kinds.base import check_job_type
from emprops.workflows.prompt_text import PromptTextError, from_template, to_parts
from emprops.workflows.templates import PLACEHOLDER, Placeholder, Template, TemplateError, parse, split

WORKFLOW = "flexible_prompt"
"""Every installation has it: a migration brings it."""
STEP = 1
BARE = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class SimpleVariable:
    """One variable, and the placeholder of the template that it feeds."""

    name: str
    template_mapping: str
    """``subject`` or ``{{subject}}``."""
    options: tuple[str, ...] = ()
    is_selectable: bool | None = None
    is_customizable: bool | None = None

    @property
    def placeholder(self) -> str | None:
        """Name of the placeholder; None if the mapping names none."""
        text = self.template_mapping.strip()
        embraced = PLACEHOLDER.fullmatch(text)
        return embraced[1] if embraced else text if BARE.fullmatch(text) else None


def instruction_set(variables: Sequence[SimpleVariable], job_type: str, template: Any) -> dict[str, Any]:
    """Make the collection's data. Raises :class:`~emprops.errors.BadRequestError` naming every fault."""
    parsed, problems = _parse(template)
    wrong = check_job_type(job_type)
    problems += [f"job_type {wrong}"] if wrong else []
    problems += _name_faults(variables)
    if parsed is not None:
        problems += _mapping_faults(variables, parsed)
    if problems:
        raise _refusal(problems)
    names = {variable.placeholder: variable.name for variable in variables}
    data = {
        "version": "v2",
        "steps": [
            {
                "id": STEP,
                "fromId": STEP,
                "nodeName": WORKFLOW,
                "nodePayload": {"job_type": job_type, "payload": _embed(template, names)},
                "alias": "",
            }
        ],
        "variables": [definition(variable) for variable in variables],
        "generations": {"generations": 1, "hashes": [], "use_custom_hashes": False},
    }
    problems = instructions.check(data, {WORKFLOW})
    if problems:
        raise _refusal(problems)
    return data


def definition(variable: SimpleVariable) -> dict[str, Any]:
    """Return the variable as collections define it, with what the request said about it next to it.

    With options it is a pick: the caller's choice, else chance's; not selectable: always chance's. Customizable: any
    value, the first option if none is given. Without options: any value, which each generation must give.
    """
    picks = bool(variable.options) and not variable.is_customizable
    options = list(variable.options)
    value: Any = options[0] if options else None
    if picks:
        value = {"display_names": options, "values": options, "weights": [1] * len(options)}
    return {
        "name": variable.name,
        "template_mapping": variable.template_mapping,
        "options": options,
        "is_selectable": variable.is_selectable,
        "is_customizable": variable.is_customizable,
        "type": "pick" if picks else "any",
        "value_type": "strings",
        "value": value,
        "lock_value": picks and variable.is_selectable is False,
        "test_value": None,
    }


def _refusal(problems: list[str]) -> BadRequestError:
    return BadRequestError(
        f"The collection cannot be made: {'; '.join(problems)}.", extra={"details": {"problems": problems}}
    )


def _parse(template: Any) -> tuple[Template | None, list[str]]:
    if not isinstance(template, dict):
        return None, ["template_json must be a JSON object: it is the payload of the job"]
    try:
        parsed = parse(template)
    except TemplateError as error:
        return None, [str(error).rstrip(".")]
    if _refers(template):
        return None, ['template_json has an object with the key "$ref", which means another step here; rename it']
    return parsed, []


def _refers(node: Any) -> bool:
    if isinstance(node, list):
        return any(map(_refers, node))
    if not isinstance(node, dict):
        return False
    target = node.get("$ref")
    # "#/…" without placeholders is how JSON Schema refers to its own parts, and stays data
    is_pointer = isinstance(target, str) and target.startswith("#") and not PLACEHOLDER.search(target)
    return (
        instructions.is_reference(node)
        or (node.keys() == {"$ref"} and not is_pointer)
        or any(map(_refers, node.values()))
    )


def _name_faults(variables: Sequence[SimpleVariable]) -> list[str]:
    problems: list[str] = []
    names: set[str] = set()
    for variable in variables:
        if not NAME.fullmatch(variable.name):
            problems.append(f"variable {variable.name[:100]!r} needs a name of up to 100 letters, digits and _")
        elif variable.name in names:
            problems.append(f"two variables have the name {variable.name}")
        names.add(variable.name)
    return problems


def _mapping_faults(variables: Sequence[SimpleVariable], template: Template) -> list[str]:
    problems: list[str] = []
    fed: dict[str, str] = {}
    for variable in variables:
        placeholder = variable.placeholder
        if placeholder is None or placeholder not in template.placeholders:
            shown = variable.template_mapping.strip()[:100] if placeholder is None else f"{{{{{placeholder}}}}}"
            problems.append(f"variable {variable.name[:100]} maps to {shown}, which template_json does not contain")
        elif placeholder in fed:
            problems.append(f"variables {fed[placeholder]} and {variable.name} both map to {{{{{placeholder}}}}}")
        else:
            fed[placeholder] = variable.name
    missing = sorted(template.placeholders - {variable.placeholder for variable in variables})
    return problems + [f"template_json has {{{{{name}}}}}, but no variable maps to it" for name in missing]


def _embed(node: Any, names: dict[str | None, str]) -> Any:
    """Write the texts of a template so that they mean variables where placeholders stood, and themselves elsewhere."""
    if isinstance(node, dict):
        return {key: _embed(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_embed(value, names) for value in node]
    return _text(node, names) if isinstance(node, str) else node


def _text(text: str, names: dict[str | None, str]) -> str:
    parts = split(text)
    has_placeholder = any(isinstance(part, Placeholder) for part in parts)
    if not has_placeholder and _is_plain(text):
        return text
    return from_template("".join(f"{{{{{names[p.name]}}}}}" if isinstance(p, Placeholder) else p for p in parts))


def _is_plain(text: str) -> bool:
    try:
        return to_parts(text) == ([text] if text else [])
    except PromptTextError:
        return False
