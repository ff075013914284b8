"""From a collection and a caller's variables to the steps of a job. Pure, and deterministic but for the new ids."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from emprops.collections import chance
from emprops.collections import variables as collection_variables
from emprops.collections.instructions import Instructions, Phrase, Step, mentions
from emprops.collections.store import Collection
from emprops.credits.prices import StepPrice, read_price
from emprops.errors import BadRequestError, CollectionCorruptedError, InvalidVariablesError
from emprops.orchestrator.policing import FREE, Policing
from emprops.orchestrator.start.recipes import Recipe, recipe_of
from emprops.queue.messages import Requirements
from emprops.workflows.forms import REQUIRED, Field, Form
from emprops.workflows.kinds.base import FieldsError, HeldValue, Occasion, PlannedWork
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.paths import copied
from emprops.workflows.prompt_text import Ref, Variable
from emprops.workflows.references import Budget, Reference, TextTooLongError, encode, join, steps_in
from emprops.workflows.store import Workflow

MAX_PAYLOAD_BYTES = 1024 * 1024
MAX_PLAN_BYTES = 16 * 1024 * 1024
SEED = "seed"
FURTHER_SEED = re.compile(r"seed_\d+")  # as a workflow's second sampler has it
SEED_RANGE = (0, 2**32 - 1)
SHOWN_NAMES = 10


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a job, about to be stored."""

    id: UUID
    key: int
    """The step's id in the collection's data."""
    generation: int
    """0-based."""
    order: int
    """1-based, over the whole job."""
    name: str
    job_type: str
    payload: dict[str, Any]
    """As the worker takes it; with ``depends_on``, in the stored form that ``resolve_references`` completes."""
    depends_on: tuple[UUID, ...]
    is_result: bool
    """No other step of its generation refers to it: what it makes is what the caller gets."""
    requirements: Requirements
    output_mime_type: str
    builders: tuple[UUID, ...]
    """Who must be allowed to build what it runs."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One result of the job: its hash, and the variables that follow from it and from the caller."""

    hash: str
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A job's steps, in an order in which they can run."""

    steps: tuple[PlannedStep, ...]
    generations: tuple[Generation, ...]
    warnings: tuple[str, ...]
    """What the caller probably did not mean, in sentences."""
    prices: tuple[StepPrice, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Given variables that the collection does not have, each with what is wrong with it."""
    own_price: int = 0
    """What the collection costs in addition to its steps, in micro-credits."""

    @property
    def price(self) -> int:
        """What the job costs, in micro-credits."""
        return self.own_price + sum(step.price for step in self.prices)

    @property
    def least(self) -> int:
        """The least that the job may cost, in micro-credits: less than its price if a step is settled by usage."""
        return self.own_price + sum(step.cost.least for step in self.prices)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A step while the plan is made: its payload holds reference objects."""

    id: UUID
    step: Step
    generation: int
    work: PlannedWork


@dataclass(slots=True)
class _Planner:
    """What planning works with."""

    recipe: Recipe
    workflows: Mapping[str, Workflow]
    new_id: Callable[[], UUID]
    at: datetime
    policing: Policing
    drafts: list[_Draft] = field(default_factory=list)
    generations: list[Generation] = field(default_factory=list)
    prices: list[StepPrice] = field(default_factory=list)
    results: dict[int, Any] = field(default_factory=dict)
    """What a reference to a step stands for; each generation overwrites it, in the order of references."""
    bytes_left: int = MAX_PLAN_BYTES


def make_plan(
    *,
    collection: Collection,
    workflows: Mapping[str, Workflow],
    variables: Mapping[str, Any],
    new_id: Callable[[], UUID],
    seed: str | None = None,
    now: datetime | None = None,
    policing: Policing = FREE,
) -> Plan:
    """Plan a job. ``workflows`` are those that the collection names; the same ``seed`` and time give the same job.

    Raises :class:`~emprops.errors.CollectionCorruptedError`, :class:`~emprops.errors.InvalidVariablesError`, and
    :class:`~emprops.errors.BadRequestError` for values that make too much of a payload; and what ``policing`` raises.
    """
    checked = recipe_of(collection.data, workflows)
    recipe = checked.instructions
    seed = str(new_id()) if seed is None else seed
    planner = _Planner(checked, workflows, new_id, now or datetime.now(UTC), policing)
    for at in range(recipe.generations.count):
        custom = recipe.generations.use_custom_hashes
        generation_hash = recipe.generations.hashes[at] if custom else chance.generation_hash(seed, at)
        resolved = collection_variables.resolve(recipe.variables, variables, generation_hash)
        planner.generations.append(Generation(generation_hash, resolved.values))
        for step in recipe.steps:
            _plan_step(planner, step)
    unknown = collection_variables.unknown(recipe.variables, variables)
    warnings = _warnings(planner, unknown)
    return Plan(_finish(planner.drafts), tuple(planner.generations), tuple(warnings), tuple(planner.prices), unknown)


def _plan_step(planner: _Planner, step: Step) -> None:
    workflow = planner.workflows[step.node_name]
    form = planner.recipe.forms[step.node_name]
    try:
        fields = _fields(planner, step, form)
        work = KINDS[workflow.type].plan(
            workflow, fields, Occasion(_chance(planner, form.fields.get(SEED), fields), planner.at)
        )
    except FieldsError as error:
        raise _blame(error, step, planner.recipe.instructions) from None
    except TextTooLongError:
        raise _too_large(step) from None
    generation = len(planner.generations) - 1
    price = read_price(workflow.data.get("credits"))
    values = form.fill(fields).values if price.by else {}
    order = None if isinstance(work, HeldValue) else len(planner.drafts) + 1
    cost = price.of(values).at_least(planner.policing.admit(step.name, workflow, work))
    planner.prices.append(StepPrice(step.id, generation, step.name, cost, order))
    if isinstance(work, HeldValue):
        planner.results[step.id] = work.value
        return
    size = len(orjson.dumps(work.payload))
    planner.bytes_left -= size
    if size > MAX_PAYLOAD_BYTES or planner.bytes_left < 0:
        raise _too_large(step)
    draft = _Draft(planner.new_id(), step, generation, replace(work, builders=planner.policing.builders_of(workflow)))
    planner.results[step.id] = Reference(draft.id)
    planner.drafts.append(draft)


def _fields(planner: _Planner, step: Step, form: Form) -> dict[str, Any]:
    """Return a step's form values: variables filled in, references as objects, and the seeds that the form takes."""
    budget = Budget()
    fields = {name: _fill(value, planner, budget) for name, value in step.payload.items()}
    for name, item in form.fields.items():
        if _is_seed(name, item) and fields.get(name) in (None, ""):
            low = SEED_RANGE[0] if item.minimum is None else int(max(item.minimum, SEED_RANGE[0]))
            high = SEED_RANGE[1] if item.maximum is None else int(min(item.maximum, SEED_RANGE[1]))
            fields[name] = chance.whole(planner.generations[-1].hash, name, low, max(low, high))
    return fields


def _chance(planner: _Planner, seed: Field | None, fields: Mapping[str, Any]) -> Callable[[str, int], int]:
    """Return the chance of a step: its seed's, so that the same seed makes the same, else the generation's."""
    given = fields.get(SEED) if seed is not None and seed.taking == "number" else None
    given = int(given) if isinstance(given, float) and given.is_integer() else given
    key = planner.generations[-1].hash if given is None else f"seed {given}"
    return lambda purpose, count: chance.whole(key, purpose, 0, count - 1)


def _is_seed(name: str, item: Field) -> bool:
    further = FURTHER_SEED.fullmatch(name) is not None and item.default is None
    return item.taking == "number" and (name == SEED or further)


def _fill(node: Any, planner: _Planner, budget: Budget) -> Any:
    if isinstance(node, Phrase):
        values = [_part(part, planner) for part in node.parts]
        if len(values) > 1:
            return join(values, budget)
        budget.spend(values[0])
        return copied(values[0])
    if isinstance(node, dict):
        return {key: _fill(value, planner, budget) for key, value in node.items()}
    return [_fill(value, planner, budget) for value in node] if isinstance(node, list) else node


def _part(part: str | Variable | Ref, planner: _Planner) -> Any:
    if isinstance(part, Variable):
        return planner.generations[-1].variables[part.name]
    if not isinstance(part, Ref):
        return part
    result = planner.results[part.step]
    asks = bool(part.output) or part.file is not None
    return replace(result, output=part.output, file=part.file) if asks and isinstance(result, Reference) else result


def _finish(drafts: list[_Draft]) -> tuple[PlannedStep, ...]:
    needs = [steps_in(draft.work.payload) for draft in drafts]
    referred = set().union(*needs)
    return tuple(
        PlannedStep(
            id=draft.id,
            key=draft.step.id,
            generation=draft.generation,
            order=order,
            name=draft.step.name,
            job_type=draft.work.job_type,
            payload=encode(draft.work.payload) if needed else draft.work.payload,
            depends_on=tuple(other.id for other in drafts if other.id in needed),
            is_result=draft.id not in referred,
            requirements=draft.work.requirements,
            output_mime_type=draft.work.output_mime_type,
            builders=draft.work.builders,
        )
        for order, (draft, needed) in enumerate(zip(drafts, needs, strict=True), 1)
    )


def _blame(error: FieldsError, step: Step, recipe: Instructions) -> InvalidVariablesError | CollectionCorruptedError:
    """A field got a wrong value: the fault of the variables in it, or of the collection if there are none to set.

    A field that the collection leaves open waits for what it is given, as a picture to develop: that is missing.
    """
    settable = {definition.name for definition in recipe.variables if not definition.locked}
    faults: dict[str, str] = {}
    for name, problem in error.problems.items():
        used = [part.name for part in mentions(step.payload.get(name)) if isinstance(part, Variable)]
        blamed = [variable for variable in used if variable in settable]
        if problem == REQUIRED and step.payload.get(name) in (None, ""):
            blamed = [name]
        faults |= dict.fromkeys(blamed, f"{problem} ({name} of {step.name})")
    if faults:
        return InvalidVariablesError(faults)
    return CollectionCorruptedError([f"step {step.id}, {name} {problem}" for name, problem in error.problems.items()])


def _too_large(step: Step) -> BadRequestError:
    return BadRequestError(
        f"The variables make the payload of {step.name} too large: at most {MAX_PAYLOAD_BYTES // 1024} KiB per step "
        f"and {MAX_PLAN_BYTES // 1024 // 1024} MiB per job are allowed. Send shorter ones."
    )


def _warnings(planner: _Planner, unknown: Mapping[str, str]) -> list[str]:
    shown = list(unknown.items())[:SHOWN_NAMES]
    warnings = [f"{name[: collection_variables.SHOWN_LETTERS]} {problem}" for name, problem in shown]
    if len(unknown) > SHOWN_NAMES:
        warnings.append(f"{len(unknown) - SHOWN_NAMES} more variables are none of this collection")
    for step in planner.recipe.instructions.steps:
        extra = sorted(step.payload.keys() - planner.recipe.forms[step.node_name].fields.keys())
        if extra:
            names = ", ".join(name[:64] for name in extra[:SHOWN_NAMES])
            warnings.append(f"{step.node_name} has no such fields, their values were ignored: {names}")
    return warnings
