"""How many workers are wanted."""

from dataclasses import replace
from typing import Any

import pytest

from emprops.observe.demand import Choice, Fleet, capabilities, together
from emprops.queue.fleet import WorkerInfo, WorkerStatus
from emprops.queue.matching import Offer
from emprops.queue.survey import Load


def needs(job_type: str = "comfyui", *models: str) -> dict[str, Any]:
    return {"job_type": job_type, "models": list(models), "custom_nodes": [], "connector_capabilities": {}}


def load(waiting: int, running: int = 0, requirement: dict[str, Any] | None = None, oldest: float = 0.0) -> Load:
    return Load(requirement or needs(), waiting, oldest, running, 0.0)


def worker(
    name: str, *models: str, slots: int = 1, held: int = 0, status: WorkerStatus = "idle", job_type: str = "comfyui"
) -> WorkerInfo:
    offers = {job_type: Offer(frozenset(models), frozenset())}
    return WorkerInfo(name, "m", status, offers, slots, tuple(f"{name}-{n}" for n in range(held)))


@pytest.mark.parametrize(
    ("waiting", "running", "slots", "wanted"),
    [
        (0, 0, [], 0),
        (0, 0, [4], 0),
        (1, 0, [], 1),  # nobody can run it: one is called for
        (7, 0, [], 7),
        (1, 0, [4], 1),
        (4, 0, [4], 1),
        (5, 0, [4], 2),
        (3, 2, [1, 1], 5),  # what runs needs its workers too
        (0, 2, [1, 1], 2),
        (9, 0, [1, 2], 6),  # a worker counts as the mean of those there are
    ],
)
def test_the_formula(waiting: int, running: int, slots: list[int], wanted: int) -> None:
    fleet = Fleet.of([worker(f"w{n}", slots=one) for n, one in enumerate(slots)])
    [found] = capabilities([load(waiting, running)], fleet)
    assert found.demand.wanted_workers == wanted
    assert found.demand.workers == len(slots)


def test_a_requirement_that_no_live_worker_meets_has_no_workers_and_calls_for_one() -> None:
    fleet = Fleet.of([worker("a", "x"), worker("b", job_type="local_image")])
    [found] = capabilities([load(1, requirement=needs("comfyui", "y"))], fleet)
    assert (found.demand.workers, found.demand.free_slots, found.demand.wanted_workers) == (0, 0, 1)


def test_steps_that_may_not_begin_call_for_no_workers() -> None:
    fleet = Fleet.of([worker("a", slots=2)])
    found = capabilities([replace(load(20, 2), limited=14), replace(load(5, requirement=needs("y")), limited=5)], fleet)
    assert [(one.demand.limited, one.demand.wanted_workers) for one in found] == [(14, 4), (5, 0)]
    assert together(found, fleet).limited == 19


def test_workers_that_do_not_claim_do_not_count() -> None:
    fleet = Fleet.of([worker("a"), worker("b", status="busy"), worker("c", status="draining")])
    [found] = capabilities([load(1)], fleet)
    assert found.demand.workers == 2


def test_free_slots_are_what_the_able_ones_do_not_use() -> None:
    fleet = Fleet.of([worker("a", "x", slots=3, held=1), worker("b", slots=5), worker("c", "x", slots=2, held=2)])
    [found] = capabilities([load(9, requirement=needs("comfyui", "x"))], fleet)
    assert (found.demand.workers, found.demand.free_slots) == (2, 2)


@pytest.mark.parametrize(("job_type", "slots"), [("openai_chat", 8), ("local_image", 2), ("local_text", 2)])
def test_slots_of_a_job_type_s_own_count_for_it_alone(job_type: str, slots: int) -> None:
    offers = dict.fromkeys(("openai_chat", "local_image", "local_text"), Offer())
    fleet = Fleet.of([WorkerInfo("a", "m", "idle", offers, 10, slots={"openai_chat": 8})])
    [found] = capabilities([load(16, requirement=needs(job_type))], fleet)
    assert (found.demand.free_slots, found.demand.wanted_workers) == (slots, 16 // slots)


def test_together_each_worker_counts_once() -> None:
    fleet = Fleet.of([worker("a", "x", "y"), worker("b", "y")])
    loads = [load(2, 1, needs("comfyui", "x"), 5.0), load(3, 0, needs("comfyui", "y"), 60.0)]
    found = capabilities(loads, fleet)
    assert [one.requirement["models"] for one in found] == [["y"], ["x"]]
    demand = together(found, fleet)
    assert (demand.waiting, demand.running, demand.oldest_wait) == (5, 1, 60.0)
    assert (demand.workers, demand.wanted_workers) == (2, 6)


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(), "abc"),
        (Choice("comfyui"), "ab"),
        (Choice("comfyui", ("x",)), "ab"),
        (Choice("comfyui", ("x", "y")), "b"),
        (Choice(None, ("z",)), ""),
        (Choice("other"), ""),
    ],
)
def test_a_choice_takes_what_needs_at_least_that(choice: Choice, taken: str) -> None:
    requirements = {"a": needs("comfyui", "x"), "b": needs("comfyui", "x", "y"), "c": needs("local_image")}
    assert "".join(name for name, requirement in requirements.items() if choice.takes(requirement)) == taken


def test_a_choice_that_waits_for_nothing_still_knows_its_workers() -> None:
    fleet = Fleet.of([worker("a", "x"), worker("b", "y")])
    demand = together([], fleet, also=Choice("comfyui", ("x",)).requirement())
    assert (demand.workers, demand.free_slots, demand.wanted_workers) == (1, 1, 0)
