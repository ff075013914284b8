"""What a collection and its workflows say, read and checked once for as long as they say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from emprops.collections import fitting, instructions
from emprops.collections.instructions import Instructions
from emprops.errors import CollectionCorruptedError
from emprops.kit.recent import Recent
from emprops.workflows import service as workflow_service
from emprops.workflows.forms import Form
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.store import Workflow

MOST: Final = 200
"""Recipes that a process remembers; the one that was not used for longest goes."""
LARGEST: Final = 256 * 1024
"""Bytes of JSON of a recipe that is worth the memory."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """An instruction set without faults, whose workflows can be planned. Shared: nobody changes it."""

    instructions: Instructions
    forms: Mapping[str, Form]
    """Of the workflows that it runs, by their names."""


_known: Recent[bytes, Recipe] = Recent(MOST)
"""By the digest of what they were read from, so that none outlives a change."""


def recipe_of(data: Any, workflows: Mapping[str, Workflow]) -> Recipe:
    """Read the data of a collection. ``workflows`` are those that it names, as far as they exist.

    Raises :class:`~emprops.errors.CollectionCorruptedError` listing every fault.
    """
    said = orjson.dumps([data, {name: (one.type, one.output_mime_type, one.data) for name, one in workflows.items()}])
    key = sha256(said).digest()
    if key in _known:
        _known.move_to_end(key)
        return _known[key]
    recipe = _read(data, workflows)
    if len(said) <= LARGEST:
        _known[key] = recipe
    return recipe


def _read(data: Any, workflows: Mapping[str, Workflow]) -> Recipe:
    recipe = instructions.parse(data, workflows.keys())
    used = {name: workflows[name] for name in sorted({step.node_name for step in recipe.steps})}
    problems = [
        f"workflow {name}: {problem}"
        for name, workflow in used.items()
        for problem in workflow_service.check(workflow.type, workflow.data)
    ]
    if not problems and all(workflow.type == "basic" for workflow in used.values()):
        problems.append("no step has anything to run")
    problems = problems or fitting.find_problems(recipe, workflows)
    if problems:
        raise CollectionCorruptedError(problems)
    return Recipe(recipe, {name: KINDS[workflow.type].form(workflow.data) for name, workflow in used.items()})
