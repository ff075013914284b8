"""What the variables of a collection are for, as far as its workflows and their names say. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from emprops.collections import instructions
from emprops.collections.instructions import Instructions, Phrase
from emprops.errors import CollectionCorruptedError
from emprops.workflows import service as workflow_service
from emprops.workflows.comfy_roles import BY_NAME, last_part
from emprops.workflows.forms import Field
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.prompt_text import Variable
from emprops.workflows.store import Workflow

FILE_TYPES: Final = {
    f"{kind}{plural}": family
    for kind, family in (("image", "image"), ("mask", "image"), ("video", "video"), ("audio", "audio"), ("file", ""))
    for plural in ("", "s")
}
"""The value types of variables that take files, and of which kind; empty: of any."""


def uses_of(data: Any, known: Mapping[str, Workflow]) -> dict[str, Field]:
    """Return the form field that each variable fills by itself: one for files before others, then the first. Nothing of
    a collection that cannot be run."""
    sound = {name: one for name, one in known.items() if not workflow_service.check(one.type, one.data)}
    try:
        recipe = instructions.parse(data, known.keys())
    except CollectionCorruptedError:
        return {}
    found: dict[str, Field] = {}
    for name, field in fillings(recipe, sound):
        if name not in found or (field.taking == "file" and found[name].taking != "file"):
            found[name] = field
    return found


def fillings(recipe: Instructions, known: Mapping[str, Workflow]) -> Iterator[tuple[str, Field]]:
    """Return each variable that fills a field by itself, with that field."""
    for step in recipe.steps:
        workflow = known.get(step.node_name)
        for field in KINDS[workflow.type].form(workflow.data).fields.values() if workflow else ():
            match step.payload.get(field.id):
                case Phrase(parts=(Variable(name=name),)):
                    yield name, field


def usual_use(name: str) -> str:
    """Return what a name usually means: ``text`` for what takes some lines, ``seed``, …; empty if it means nothing."""
    role = BY_NAME.get(last_part(name))
    return "" if role is None else role.takes
