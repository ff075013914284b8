"""The instruction set of a collection (``collection.data``): steps, variables, number of generations.

``{version, steps: [{id, nodeName, nodePayload, alias}], variables, generations: {generations, hashes,
use_custom_hashes}}``. A field of ``nodePayload`` is a literal, a text in which variables and references may stand
(``workflows/prompt_text.py``), or ``{"$ref": <step id>}``, with ``output`` and ``file`` to say what of it is meant.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emprops.collections import variables
from emprops.collections.variables import Definition
from emprops.errors import CollectionCorruptedError
from emprops.workflows.prompt_text import Part, PromptTextError, Ref, Variable, read_ref, to_parts
from emprops.workflows.templates import MAX_DEPTH, MAX_PLACEHOLDERS, deeper_than

MAX_GENERATIONS = 10
MAX_STEPS = 100
"""Steps of a job: steps of the collection times generations."""
MAX_HASH = 200
REFERENCE = frozenset({"$ref", "output", "file"})


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text in which variables or references stand, or a whole value that is one of them."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``payload`` is JSON, with :class:`Phrase` objects where something is to be filled in."""

    id: int
    node_name: str
    """Name of the workflow it runs."""
    alias: str
    payload: dict[str, Any]

    @property
    def name(self) -> str:
        """What people call it."""
        return self.alias or self.node_name


@dataclass(frozen=True, slots=True)
class Generations:
    """How many results a run makes, and the hashes that decide them if they are not to be random."""

    count: int = 1
    hashes: tuple[str, ...] = ()
    use_custom_hashes: bool = False


@dataclass(frozen=True, slots=True)
class Instructions:
    """An instruction set without faults; steps are in an order in which they can run."""

    version: str
    steps: tuple[Step, ...]
    variables: tuple[Definition, ...]
    generations: Generations


def workflow_names(data: Any) -> set[str]:
    """Return the workflow names that the data mentions, however faulty the rest is."""
    steps = data.get("steps") if isinstance(data, dict) else None
    named = [step.get("nodeName") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return {name for name in named if isinstance(name, str)}


def check(data: Any, workflow_names: Collection[str]) -> list[str]:
    """Return everything that is wrong with an instruction set, in sentences; nothing if it can be run."""
    return _read(data, workflow_names)[1]


def parse(data: Any, workflow_names: Collection[str]) -> Instructions:
    """Read an instruction set. Raises :class:`~emprops.errors.CollectionCorruptedError` listing every fault."""
    instructions, problems = _read(data, workflow_names)
    if instructions is None:
        raise CollectionCorruptedError(problems)
    return instructions


def counted(data: Any, generations: int | None) -> Any:
    """Return an instruction set with another number of generations; None: as it is."""
    if generations is None or not isinstance(data, dict):
        return data
    present = data.get("generations")
    return data | {"generations": (present if isinstance(present, dict) else {}) | {"generations": generations}}


def mentions(tree: Any) -> Iterator[Variable | Ref]:
    """Return the variables and references in a step's payload, in order."""
    if isinstance(tree, Phrase):
        yield from (part for part in tree.parts if not isinstance(part, str))
    elif isinstance(tree, (dict, list)):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from mentions(value)


def _read(data: Any, workflow_names: Collection[str]) -> tuple[Instructions | None, list[str]]:
    if not isinstance(data, dict):
        return None, ["the collection's data is not an object"]
    if deeper_than(data, MAX_DEPTH):
        return None, [f"the collection's data is nested deeper than {MAX_DEPTH} levels"]
    definitions, problems = variables.parse(data.get("variables"))
    generations = _generations(data.get("generations"), problems)
    steps = _steps(data.get("steps"), workflow_names, problems)
    _check_mentions(steps, data, problems)
    if len(steps) * generations.count > MAX_STEPS:
        problems.append(
            f"{len(steps)} steps in {generations.count} generations are more than the {MAX_STEPS} steps a job may have"
        )
    ordered = _in_order(steps, problems)
    version = data.get("version")
    if problems:
        return None, problems
    return Instructions(version if isinstance(version, str) else "v2", ordered, definitions, generations), []


def _generations(data: Any, problems: list[str]) -> Generations:
    if data is None:
        return Generations()
    if not isinstance(data, dict):
        problems.append("generations is not an object")
        return Generations()
    count, hashes = data.get("generations", 1), data.get("hashes") or []
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_GENERATIONS:
        problems.append(f"generations.generations must be a whole number from 1 to {MAX_GENERATIONS}")
        count = 1
    if not isinstance(hashes, list) or not all(isinstance(item, str) and len(item) <= MAX_HASH for item in hashes):
        problems.append(f"generations.hashes must be a list of texts of at most {MAX_HASH} characters")
        hashes = []
    elif data.get("use_custom_hashes") is True and len(hashes) < count:
        problems.append(f"generations.hashes has {len(hashes)} hashes for {count} generations")
    return Generations(count, tuple(hashes), data.get("use_custom_hashes") is True)


def _steps(data: Any, workflow_names: Collection[str], problems: list[str]) -> list[Step]:
    if not isinstance(data, list) or not data:
        problems.append("steps must be a list with at least one step")
        return []
    if len(data) > MAX_STEPS:
        problems.append(f"there are {len(data)} steps; at most {MAX_STEPS} are allowed")
        return []
    steps: dict[int, Step] = {}
    for at, item in enumerate(data, 1):
        step = _step(at, item, workflow_names, problems)
        if step is not None and step.id in steps:
            problems.append(f"two steps have the id {step.id}")
        elif step is not None:
            steps[step.id] = step
    return list(steps.values())


def _step(at: int, item: Any, workflow_names: Collection[str], problems: list[str]) -> Step | None:
    if not isinstance(item, dict):
        problems.append(f"step {at} is not an object")
        return None
    key, name, payload, alias = (item.get(field) for field in ("id", "nodeName", "nodePayload", "alias"))
    if isinstance(key, bool) or not isinstance(key, int):
        problems.append(f"step {at} has no id (a whole number)")
        key = None
    if not isinstance(name, str) or not name:
        problems.append(f"step {at} has no nodeName")
        name = ""
    elif name not in workflow_names:
        problems.append(f"step {at} uses the workflow {name}, which does not exist")
    if payload is not None and not isinstance(payload, dict):
        problems.append(f"nodePayload of step {at} is not an object")
        payload = None
    payload = {field: _value(value, f"step {at}, {field}", problems) for field, value in (payload or {}).items()}
    # Also a faulty step goes on, so that what refers to it is not reported as well.
    return None if key is None else Step(key, name, alias if isinstance(alias, str) else "", payload)


def _value(node: Any, where: str, problems: list[str]) -> Any:
    if isinstance(node, str):
        return _phrase(node, where, problems)
    if isinstance(node, list):
        return [_value(item, where, problems) for item in node]
    if not isinstance(node, dict):
        return node
    if is_reference(node):
        return _reference(node, where, problems)
    target = node["$ref"] if node.keys() == {"$ref"} else "#"
    # "#/…" is how JSON Schema, which language models take, refers to its own parts.
    if not isinstance(target, str) or not target.startswith("#"):
        problems.append(f"{where} refers to {target!r}, which is no step id")
    return {key: _value(item, where, problems) for key, item in node.items()}


def is_reference(node: Mapping[str, Any]) -> bool:
    """Return whether an object refers to a step: ``{"$ref": 1}``, with ``output`` or ``file`` or neither."""
    target = node.get("$ref")
    return node.keys() <= REFERENCE and isinstance(target, int) and not isinstance(target, bool)


def _reference(node: Mapping[str, Any], where: str, problems: list[str]) -> Phrase | None:
    try:
        return Phrase((read_ref(node["$ref"], node),))
    except PromptTextError as error:
        problems.append(f"{where} {error}")
        return None


def _phrase(text: str, where: str, problems: list[str]) -> Phrase | str:
    try:
        parts = tuple(to_parts(text))
    except PromptTextError as error:
        problems.append(f"the text of {where} {error}")
        return text
    plain = [part for part in parts if isinstance(part, str)]
    return "".join(plain) if len(plain) == len(parts) else Phrase(parts)


def _check_mentions(steps: list[Step], data: dict[str, Any], problems: list[str]) -> None:
    items = data.get("variables")
    # A faulty definition is reported as such, not also wherever it is used.
    defined = [item.get("name") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    keys = {step.id for step in steps}
    total = 0
    for step in steps:
        for field, value in step.payload.items():
            seen: set[Variable | Ref] = set()
            for mention in mentions(value):
                total += 1
                if mention in seen:
                    continue
                seen.add(mention)
                if isinstance(mention, Variable) and mention.name not in defined:
                    problems.append(f"step {step.id}, {field} uses the variable {mention.name}, which is not defined")
                elif isinstance(mention, Ref) and mention.step not in keys:
                    problems.append(f"step {step.id}, {field} refers to step {mention.step}, which does not exist")
    if total > MAX_PLACEHOLDERS:
        problems.append(f"the steps mention variables and other steps more than {MAX_PLACEHOLDERS} times")


def _in_order(steps: list[Step], problems: list[str]) -> tuple[Step, ...]:
    """Sort steps so that each comes after those it refers to; what can stay in place does."""
    needs = {step.id: {part.step for part in mentions(step.payload) if isinstance(part, Ref)} for step in steps}
    needs = {key: targets & needs.keys() for key, targets in needs.items()}
    ordered: list[Step] = []
    done: set[int] = set()
    waiting = list(steps)
    while waiting:
        ready = next((step for step in waiting if needs[step.id] <= done), None)
        if ready is None:
            problems.append(f"steps refer to each other in a circle: {_circle(needs, done, waiting[0].id)}")
            break
        waiting.remove(ready)
        ordered.append(ready)
        done.add(ready.id)
    return tuple(ordered)


def _circle(needs: Mapping[int, set[int]], done: set[int], start: int) -> str:
    way: list[int] = []
    while start not in way:
        way.append(start)
        start = min(needs[start] - done)
    return " → ".join(str(key) for key in [*way[way.index(start) :], start])
