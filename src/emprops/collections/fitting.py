"""Whether references fit the fields that they fill, as far as forms and workflows say. Pure.

What a step will make is known by its workflow's ``output_mime_type``; what it really made is looked at when the next
step is about to start (``workflows/references.py``).
"""

from collections.abc import Iterator, Mapping
from uuid import UUID

from emprops.collections.instructions import Instructions, Phrase, Step
from emprops.workflows.forms import Field, FieldError, with_article
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.prompt_text import Ref
from emprops.workflows.references import MEDIA, TEXT, Reference
from emprops.workflows.store import Workflow

ANY = UUID(int=0)


def find_problems(recipe: Instructions, workflows: Mapping[str, Workflow]) -> list[str]:
    """Return a sentence for each reference that cannot fit its field. The workflows must be sound."""
    steps = {step.id: step for step in recipe.steps}
    problems: list[str] = []
    for step in recipe.steps:
        workflow = workflows[step.node_name]
        form = KINDS[workflow.type].form(workflow.data)
        for name, value in step.payload.items():
            for ref in _references(value) if name in form.fields else ():
                problem = _misfit(form.fields[name], ref, steps[ref.step], workflows)
                if problem:
                    problems.append(f"step {step.id}, {name} {problem}")
    return list(dict.fromkeys(problems))


def _references(value: object) -> Iterator[Ref]:
    """Return the references that the field itself takes: those deeper in a list or an object may be anything."""
    yield from (part for part in value.parts if isinstance(part, Ref)) if isinstance(value, Phrase) else ()


def _misfit(field: Field, ref: Ref, target: Step, workflows: Mapping[str, Workflow]) -> str | None:
    workflow = workflows[target.node_name]
    if workflow.type == "basic":  # it is what it holds
        return None
    try:
        taken = field.read(Reference(ANY, ref.output, ref.file)).into
    except FieldError as error:
        return str(error)
    made = workflow.output_mime_type.partition("/")[0].lower()
    if ref.output or taken == made or not taken or made not in (TEXT, *MEDIA):
        return None
    if taken != TEXT:
        return f"takes {with_article(taken)}, but step {target.id} ({target.name}) makes {workflow.output_mime_type}"
    if ref.file is not None:
        return None
    hint = f'to put in the URL of that file, say {{"$ref": {target.id}, "output": "file"}}'
    return f"takes a text, but step {target.id} ({target.name}) makes {workflow.output_mime_type}; {hint}"
