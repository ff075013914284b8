"""Recipes that are remembered: right after every change, and nobody's to change."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.orchestrator.planning import PICK, PROMPT, WORKFLOWS, plan, step, workflow

from emprops.errors import CollectionCorruptedError
from emprops.kit.recent import Recent
from emprops.orchestrator.start import recipes
from emprops.orchestrator.start.recipes import recipe_of


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    recipes._known.clear()
    yield
    recipes._known.clear()


def data(**payload: Any) -> dict[str, Any]:
    return {"version": "v2", "steps": [step(1, "any", **payload)], "variables": []}


def test_the_same_words_are_read_once() -> None:
    first = recipe_of(data(value=[1, "a"]), WORKFLOWS)
    assert recipe_of(data(value=[1, "a"]), dict(WORKFLOWS)) is first
    assert first.forms.keys() == {"any"}


@pytest.mark.parametrize("other", [True, 1.5, "1", None, [1]])
def test_a_change_of_the_data_is_seen(other: Any) -> None:
    """Also one from 1 to true, which are equal in Python."""
    recipe_of(data(value=1), WORKFLOWS)
    (changed,) = recipe_of(data(value=other), WORKFLOWS).instructions.steps
    assert (type(changed.payload["value"]), changed.payload["value"]) == (type(other), other)


def test_a_change_of_a_workflow_is_seen() -> None:
    one = recipe_of(data(value=1), WORKFLOWS)
    changed = WORKFLOWS | {"any": workflow("any", {"id": "value", "type": "json"}, PROMPT)}
    assert one.forms["any"].fields.keys() == {"value"}
    assert recipe_of(data(value=1), changed).forms["any"].fields.keys() == {"value", "prompt"}
    other_type = WORKFLOWS | {"any": replace(WORKFLOWS["any"], output_mime_type="image/png")}
    assert recipe_of(data(value=1), other_type) is not one


def test_faults_are_found_each_time() -> None:
    for _ in range(2):
        with pytest.raises(CollectionCorruptedError):
            recipe_of(data(value=1), {})
    assert not recipes._known


def test_what_is_done_to_a_plan_does_not_come_back() -> None:
    def planned() -> Any:
        return plan(step(1, "any", value={"list": [1, {"deep": "x"}], "text": "{{style}}"}), variables=[PICK])

    before = planned().steps[0].payload
    after = planned().steps[0].payload
    after["value"]["list"][1]["deep"] = "y"
    after["value"]["list"].append(2)
    assert planned().steps[0].payload == before
    assert len(recipes._known) == 1


def test_only_so_many_are_remembered_and_no_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "_known", Recent(3))
    first = recipe_of(data(value=0), WORKFLOWS)
    for n in range(1, 4):
        recipe_of(data(value=0), WORKFLOWS)
        recipe_of(data(value=n), WORKFLOWS)
    assert len(recipes._known) == 3
    assert recipe_of(data(value=0), WORKFLOWS) is first, "it was used all the time"
    large = data(value="x" * recipes.LARGEST)
    assert recipe_of(large, WORKFLOWS) is not recipe_of(large, WORKFLOWS)
    assert len(recipes._known) == 3
