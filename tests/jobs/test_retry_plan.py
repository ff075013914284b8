"""Which steps a new attempt reuses, and how it refers to itself. Pure."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.errors import BadRequestError
from emprops.jobs.change_store import EarlierStep, Standing
from emprops.kit.ids import new_id
from emprops.orchestrator.change.retry_plan import check_retryable, next_steps, reusable
from emprops.workflows.references import references_in, rename_steps, resolve_references

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = UUID(int=9)


def at(n: int) -> UUID:
    return UUID(int=n)


def step(n: int, *, done: bool, refers: tuple[int, ...] = (), **changes: Any) -> EarlierStep:
    """Step ``n``; a finished one gave ``<n>.png`` and was made from what its references gave."""
    template = {"images": [{"$ref": str(at(m))} for m in refers], "n": n} if refers else None
    inputs = {"images": [f"{m}.png" for m in refers], "n": n} if refers else {"n": n}
    values: dict[str, Any] = {
        "id": at(n),
        "job_id": JOB,
        "step_order": n,
        "step_name": f"step {n}",
        "step_type": "noop",
        "generation": 0,
        "is_result": False,
        "depends_on": [at(m) for m in refers],
        "template": template,
        "input_data": inputs if done or not refers else None,
        "requirements": {"models": ["a"]},
        "status": "completed" if done else "failed",
        "output_data": {"files": [{"id": n, "url": f"{n}.png"}], "data": {}} if done else None,
        "reused_from": None,
        "started_at": NOW if done else None,
        "completed_at": NOW,
    }
    return EarlierStep(**values | changes)


def kept(*steps: EarlierStep) -> list[int]:
    return sorted(one.int for one in reusable(steps))


def test_finished_steps_are_kept() -> None:
    assert kept(step(1, done=True), step(2, done=True, refers=(1,)), step(3, done=False, refers=(2,))) == [1, 2]


def test_a_step_made_from_something_else_is_not() -> None:
    changed = step(1, done=True, output_data={"files": [{"id": 5, "url": "other.png"}]})
    assert kept(changed, step(2, done=True, refers=(1,)), step(3, done=True, refers=(2,))) == [1]


def test_nor_is_one_behind_a_step_that_runs_again() -> None:
    assert kept(step(1, done=False), step(2, done=True, refers=(1,)), step(3, done=True)) == [3]


def test_nor_is_a_result_from_which_the_next_step_cannot_be_made() -> None:
    empty = step(1, done=True, output_data={"files": [], "data": {"seed": 1}})
    assert kept(empty, step(2, done=False, refers=(1,)), step(3, done=True)) == [3]
    assert kept(step(1, done=True, output_data=None)) == []


def test_the_new_attempt_refers_to_itself() -> None:
    earlier = [step(1, done=True), step(2, done=False, refers=(1,)), step(3, done=False, refers=(1, 2))]
    first, second, third = next_steps(earlier, attempt=2, new_id=new_id)
    assert (first.reuses, second.reuses, third.reuses) == (earlier[0], None, None)
    assert third.step.depends_on == (first.step.id, second.step.id)
    assert references_in(third.step.template) == {str(first.step.id), str(second.step.id)}
    assert second.step.input_data == {"images": ["1.png"], "n": 2}
    assert third.step.input_data is None
    assert {one.step.retry_attempt for one in (first, second, third)} == {2}
    assert second.step.requirements == {"models": ["a"]}


@st.composite
def attempts(draw: st.DrawFn) -> list[EarlierStep]:
    steps: list[EarlierStep] = []
    for n in range(1, draw(st.integers(1, 7)) + 1):
        refers = tuple(sorted(draw(st.sets(st.integers(1, n - 1), max_size=3)))) if n > 1 else ()
        done = draw(st.booleans()) and all(steps[m - 1].status == "completed" for m in refers)
        silent = draw(st.integers(0, 4)) == 0
        steps.append(step(n, done=done, refers=refers, **({"output_data": {"files": []}} if silent and done else {})))
    return steps


@given(attempts())
def test_whatever_is_reused_has_everything_it_was_made_from(earlier: list[EarlierStep]) -> None:
    new = next_steps(earlier, attempt=1, new_id=new_id)
    reused = {one.step.id for one in new if one.reuses}
    ids = {one.step.id for one in new}
    assert len(ids) == len(earlier)
    assert ids.isdisjoint(one.id for one in earlier)
    for one, old in zip(new, earlier, strict=True):
        assert set(one.step.depends_on) <= ids
        assert references_in(one.step.template) == {str(other) for other in one.step.depends_on}
        if one.reuses:
            assert old.status == "completed"
            assert set(one.step.depends_on) <= reused
            assert one.step.input_data == old.input_data
        elif set(one.step.depends_on) <= reused:
            assert one.step.input_data is not None, "nothing would ever make it ready"
        else:
            assert one.step.input_data is None


REF = {"$ref": "a"}


def test_references_get_new_names_and_data_stays() -> None:
    payload = {"image": REF, "text": {"$text": ["see ", REF, {"$ref": "b"}]}, "list": [REF, "a"], "$$ref": "a", "n": 1}
    renamed = rename_steps(payload, {"a": "z"})
    assert renamed == {
        "image": {"$ref": "z"},
        "text": {"$text": ["see ", {"$ref": "z"}, {"$ref": "b"}]},
        "list": [{"$ref": "z"}, "a"],
        "$$ref": "a",
        "n": 1,
    }
    assert resolve_references({"$$ref": "a"}, {}) == {"$ref": "a"}


def standing(**changes: Any) -> Standing:
    values: dict[str, Any] = {
        "id": JOB,
        "user_id": JOB,
        "status": "failed",
        "job_type": "collection_generation",
        "retry_count": 0,
        "max_retries": 3,
        "cancelled": False,
        "error_message": None,
        "key_id": None,
        "collection_id": None,
        "moderation": None,
        "idle": 0.0,
    }
    return Standing(**values | changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"retry_count": 3}, r"^Job has reached maximum retry limit \(3\)$"),
        ({"retry_count": 5, "max_retries": 5}, r"limit \(5\)"),
        ({"status": "completed"}, "has completed"),
        ({"status": "pending", "idle": 599.0}, "is pending"),
        ({"status": "processing", "idle": 0.0}, "is processing"),
        ({"job_type": "training"}, "Only generations"),
    ],
)
def test_what_may_not_be_retried(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRequestError, match=sentence):
        check_retryable(standing(**changes), stale_after=600)


@pytest.mark.parametrize(
    "changes", [{}, {"retry_count": 2}, {"status": "pending", "idle": 600.0}, {"job_type": "develop"}]
)
def test_what_may(changes: dict[str, Any]) -> None:
    check_retryable(standing(**changes), stale_after=600)
