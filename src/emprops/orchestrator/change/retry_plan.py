"""Trying a job again: whether it may be, and which steps the new attempt has. Pure.

A job is tried again with the steps that were stored for it, not with what its collection says by now. Steps that had
finished are not run again as long as everything they were made from is unchanged.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from emprops.errors import BadRequestError
from emprops.jobs.change_store import EarlierStep, NextStep, Standing
from emprops.jobs.results import result_of
from emprops.jobs.start_store import NewStep
from emprops.workflows.references import TextTooLongError, UnresolvedReferenceError, rename_steps, resolve_references

RETRYABLE_TYPES = frozenset({"collection_generation", "develop", "comfy_api"})
"""Job types whose steps can be run again."""


def check_retryable(job: Standing, *, stale_after: float) -> None:
    """Raise :class:`~emprops.errors.BadRequestError` unless the job may be tried again."""
    if job.job_type not in RETRYABLE_TYPES:
        raise BadRequestError(f"Only generations can be retried; this job is a {job.job_type}.")
    if job.status == "completed":
        raise BadRequestError("The job has completed and cannot be retried; generate again instead.")
    if job.retry_count >= job.max_retries:
        raise BadRequestError(f"Job has reached maximum retry limit ({job.max_retries})")
    if job.status != "failed" and job.idle < stale_after:
        raise BadRequestError(
            f"The job is {job.status}, so it cannot be retried yet; cancel it first, or wait until nothing has "
            f"happened to it for {stale_after / 60:g} minutes."
        )


def reusable(steps: Sequence[EarlierStep]) -> set[UUID]:
    """Return which steps need not run again: they have finished, so has all that they refer to, and with those results
    their inputs are what they were. A result is of no use either if a step behind it cannot be made from it."""
    kept = {step.id for step in steps if step.status == "completed" and step.output_data is not None}
    while True:
        results = {str(step.id): result_of(step.output_data, step.step_name) for step in steps if step.id in kept}
        useless: set[UUID] = set()
        for step in steps:
            if not kept.issuperset(step.depends_on):
                useless.add(step.id)
            elif step.template is not None:
                try:
                    inputs = resolve_references(step.template, results)
                except (UnresolvedReferenceError, TextTooLongError):
                    useless |= {step.id, *step.depends_on}
                else:
                    useless |= {step.id} if inputs != step.input_data else set()
        if kept.isdisjoint(useless):
            return kept
        kept -= useless


def next_steps(steps: Sequence[EarlierStep], *, attempt: int, new_id: Callable[[], UUID]) -> list[NextStep]:
    """Plan the steps of a new attempt: each earlier one under a new id, with its references led to the new ones.

    A waiting step whose references are all reused gets its inputs at once.
    """
    kept = reusable(steps)
    ids = {step.id: new_id() for step in steps}
    names = {str(old): str(new) for old, new in ids.items()}
    results = {str(step.id): result_of(step.output_data, step.step_name) for step in steps if step.id in kept}

    def inputs_of(step: EarlierStep) -> Any:
        if step.template is None:
            return step.input_data
        return resolve_references(step.template, results) if kept.issuperset(step.depends_on) else None

    return [
        NextStep(
            _renewed(step, ids=ids, names=names, attempt=attempt, inputs=inputs_of(step)),
            step if step.id in kept else None,
        )
        for step in steps
    ]


def _renewed(
    step: EarlierStep, *, ids: Mapping[UUID, UUID], names: Mapping[str, str], attempt: int, inputs: Any
) -> NewStep:
    return NewStep(
        id=ids[step.id],
        job_id=step.job_id,
        step_order=step.step_order,
        step_name=step.step_name,
        step_type=step.step_type,
        generation=step.generation,
        is_result=step.is_result,
        depends_on=tuple(ids[other] for other in step.depends_on),
        template=None if step.template is None else rename_steps(step.template, names),
        input_data=inputs,
        requirements=step.requirements,
        builders=tuple(step.builders),
        retry_attempt=attempt,
    )
