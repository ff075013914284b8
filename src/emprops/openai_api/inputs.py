"""What a collection takes, in the words of an API that knows prompts, sizes and seeds. Pure.

A variable is found by its name, by what its name usually means, or by the field of a workflow that it fills
(``workflows/comfy_roles.py``).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from emprops.collections.instructions import Instructions, Phrase, mentions
from emprops.collections.variables import Definition
from emprops.workflows.comfy_roles import BY_NAME, last_part
from emprops.workflows.forms import Field
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.prompt_text import Ref, Variable
from emprops.workflows.store import Workflow

IMAGE: Final = "image"
MASK: Final = "mask"
PROMPT: Final = "prompt"
PICTURE: Final = "image/"
VIDEO: Final = "video/"
DURATION: Final = "duration"
FURTHER_IMAGE: Final = re.compile(r"image_?[0-9]+")
"""What variables are called that take one more picture."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The variables of a collection that a caller may set, and what they are for."""

    free: Mapping[str, Definition]
    roles: Mapping[str, tuple[str, ...]]
    """Role → variables, the one that is meant first."""

    def of(self, role: str) -> Definition | None:
        """Return the variable that a role means."""
        names = self.roles.get(role, ())
        return self.free[names[0]] if names else None

    def takes(self, parameter: str) -> bool:
        """Return whether a parameter of this name sets a variable."""
        return parameter in self.free or self.of(parameter.lower()) is not None

    def images(self) -> list[Definition]:
        """Return the variables that take a picture, in their order."""
        masks = set(self.roles.get(MASK, ()))
        return [self.free[name] for name in self.free if name in self.roles.get(IMAGE, ()) and name not in masks]

    def prompt(self) -> Definition | None:
        """Return the variable that a prompt means: the one for it, or the only one that takes any text."""
        found = self.of(PROMPT)
        if found is not None:
            return found
        files = {*self.roles.get(IMAGE, ()), *self.roles.get(MASK, ())}
        texts = [one for one in self.free.values() if one.type in ("text", "any") and one.name not in files]
        return texts[0] if len(texts) == 1 else None


def inputs_of(recipe: Instructions, workflows: Mapping[str, Workflow]) -> Inputs:
    """Find out what a collection's variables are for."""
    free = {definition.name: definition for definition in recipe.variables if not definition.locked}
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for name in free:
        found[name.lower()][name] = None
    for name in free:
        found[_role(name)][name] = None
    for step in recipe.steps:
        workflow = workflows[step.node_name]
        fields = KINDS[workflow.type].form(workflow.data).fields
        for alone in (True, False):
            for role, name in _fillings(step.payload, fields, alone=alone):
                if name in free and (alone or role == PROMPT):
                    found[role][name] = None
    return Inputs(
        free, {role: tuple(name for name in names if _fits(role, free[name])) for role, names in found.items()}
    )


def makes(media: str, recipe: Instructions, workflows: Mapping[str, Workflow]) -> bool:
    """Return whether what comes out of a collection is of such a type: ``image/`` or ``video/``."""
    return any(mime_type.startswith(media) for mime_type in types_of(recipe, workflows))


def types_of(recipe: Instructions, workflows: Mapping[str, Workflow]) -> list[str]:
    """Return the types of what comes out of a collection, as its workflows say."""
    referred = {part.step for step in recipe.steps for part in mentions(step.payload) if isinstance(part, Ref)}
    return [
        workflows[step.node_name].output_mime_type.lower()
        for step in recipe.steps
        if step.id not in referred and workflows[step.node_name].type != "basic"
    ]


def _role(name: str) -> str:
    if FURTHER_IMAGE.fullmatch(name.lower()):
        return IMAGE
    known = BY_NAME.get(last_part(name))
    return name.lower() if known is None else known.field


def _fits(role: str, definition: Definition) -> bool:
    """Return whether a variable can take what the role is about."""
    if role in (PROMPT, IMAGE, MASK):
        return definition.type in ("text", "any")
    return True


def _fillings(payload: Mapping[str, Any], fields: Mapping[str, Field], *, alone: bool) -> Iterator[tuple[str, str]]:
    """Return which variable fills which role: ``alone``, or together with other text."""
    for key, value in payload.items():
        field = fields.get(key)
        role = IMAGE if field is not None and field.media == IMAGE and MASK not in key.lower() else _role(key)
        for name in _variables(value, alone=alone):
            yield role, name
        if isinstance(value, Mapping):
            yield from _fillings(value, {}, alone=alone)


def _variables(value: Any, *, alone: bool) -> list[str]:
    if not isinstance(value, Phrase) or (len(value.parts) == 1) != alone:
        return []
    return [part.name for part in value.parts if isinstance(part, Variable)]
