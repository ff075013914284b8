import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.collections.instructions import Phrase, check, parse, workflow_names
from emprops.errors import CollectionCorruptedError
from emprops.workflows.prompt_text import Ref, Variable

WORKFLOWS = {"image", "upscale"}
RICH = json.dumps(
    [{"type": "paragraph", "children": [{"text": "like "}, {"type": "ref", "step": 7}, {"text": ", {{style}}"}]}]
)
DATA: dict[str, Any] = {
    "version": "v2",
    "steps": [
        {"id": 9, "nodeName": "upscale", "nodePayload": {"image": {"$ref": 7}, "prompt": RICH}, "alias": "Big"},
        {"id": 7, "fromId": 1, "nodeName": "image", "nodePayload": {"prompt": "A {{animal}}", "size": 512}},
    ],
    "variables": [
        {"name": "animal", "type": "text", "value": "fox"},
        {"name": "style", "type": "pick", "value": {"values": ["oil", "ink"], "weights": [1, 2]}},
    ],
    "generations": {"generations": 2, "hashes": ["0x1", "0x2"], "use_custom_hashes": True},
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    change(data)
    return data


def step(data: dict[str, Any], **changes: Any) -> None:
    data["steps"][1].update(changes)


def test_reads_a_sound_instruction_set() -> None:
    assert check(DATA, WORKFLOWS) == []
    recipe = parse(DATA, WORKFLOWS)
    assert [(one.id, one.node_name, one.name) for one in recipe.steps] == [(7, "image", "image"), (9, "upscale", "Big")]
    assert recipe.steps[0].payload == {"prompt": Phrase(("A ", Variable("animal"))), "size": 512}
    assert recipe.steps[1].payload == {
        "image": Phrase((Ref(7),)),
        "prompt": Phrase(("like ", Ref(7), ", ", Variable("style"))),
    }
    assert (recipe.generations.count, recipe.generations.hashes) == (2, ("0x1", "0x2"))
    assert [one.name for one in recipe.variables] == ["animal", "style"]


def test_what_may_be_left_out() -> None:
    recipe = parse({"steps": [{"id": 1, "nodeName": "image"}]}, WORKFLOWS)
    assert (recipe.version, recipe.variables, recipe.generations.count) == ("v2", (), 1)
    assert recipe.steps[0].payload == {}


def test_json_schema_references_are_data() -> None:
    schema = {"schema": {"$defs": {"a": {}}, "items": {"$ref": "#/$defs/a"}}}
    data = {"steps": [{"id": 1, "nodeName": "image", "nodePayload": schema}]}
    assert parse(data, WORKFLOWS).steps[0].payload == schema


FAULTS: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda d: d.update(steps=None), "steps must be a list with at least one step"),
    (lambda d: d.update(steps=[]), "steps must be a list with at least one step"),
    (lambda d: d.update(steps=[1]), "step 1 is not an object"),
    (lambda d: d["steps"].extend([d["steps"][1]] * 100), "there are 102 steps; at most 100 are allowed"),
    (lambda d: step(d, id="7"), "step 2 has no id (a whole number)"),
    (lambda d: step(d, id=True), "step 2 has no id (a whole number)"),
    (lambda d: step(d, id=9), "two steps have the id 9"),
    (lambda d: step(d, nodeName=None), "step 2 has no nodeName"),
    (lambda d: step(d, nodeName="gone"), "step 2 uses the workflow gone, which does not exist"),
    (lambda d: step(d, nodePayload=[]), "nodePayload of step 2 is not an object"),
    (lambda d: step(d, nodePayload={"a": {"$ref": 8}}), "step 7, a refers to step 8, which does not exist"),
    (lambda d: step(d, nodePayload={"a": {"$ref": "8"}}), "step 2, a refers to '8', which is no step id"),
    (lambda d: step(d, nodePayload={"a": [{"$ref": None}]}), "step 2, a refers to None, which is no step id"),
    (
        lambda d: step(d, nodePayload={"a": {"$ref": 9, "output": "sound"}}),
        "step 2, a refers to the output 'sound' of step 9; it may be text, file, image, video, audio",
    ),
    (
        lambda d: step(d, nodePayload={"a": {"$ref": 9, "file": -1}}),
        "step 2, a refers to the file '-1' of step 9; files are counted from 0",
    ),
    (
        lambda d: step(d, nodePayload={"a": [{"$ref": 9, "output": "text", "file": 0}]}),
        "step 2, a refers to both the text and a file of step 9",
    ),
    (lambda d: step(d, nodePayload={"a": {"$ref": 7}}), "steps refer to each other in a circle: 7 → 7"),
    (lambda d: step(d, nodePayload={"a": {"$ref": 9}}), "steps refer to each other in a circle: 9 → 7 → 9"),
    (
        lambda d: step(d, nodePayload={"a": RICH.replace("7", "9")}),
        "steps refer to each other in a circle: 9 → 7 → 9",
    ),
    (lambda d: step(d, nodePayload={"a": RICH.replace("7", "3")}), "step 7, a refers to step 3, which does not exist"),
    (
        lambda d: step(d, nodePayload={"a": {"b": ["{{who}}"]}}),
        "step 7, a uses the variable who, which is not defined",
    ),
    (
        lambda d: step(d, nodePayload={"a": '[{"children": [{"type": "variable"}]}]'}),
        "the text of step 2, a has a variable node without a name",
    ),
    (lambda d: step(d, nodePayload={"a": ["{{animal}}"] * 1001}), "more than 1000 times"),
    (lambda d: d["variables"][1]["value"].update(weights=[1]), "variable style has 2 values but 1 weights"),
    (lambda d: d["variables"][1].update(type="dice"), "variable style has the unknown type 'dice'"),
    (lambda d: d.update(generations=3), "generations is not an object"),
    (lambda d: d["generations"].update(generations=0), "must be a whole number from 1 to 10"),
    (lambda d: d["generations"].update(generations=11), "must be a whole number from 1 to 10"),
    (lambda d: d["generations"].update(generations="2"), "must be a whole number from 1 to 10"),
    (lambda d: d["generations"].update(hashes=[1]), "generations.hashes must be a list of texts"),
    (lambda d: d["generations"].update(hashes=["0x1"]), "generations.hashes has 1 hashes for 2 generations"),
]


@pytest.mark.parametrize(("change", "problem"), FAULTS)
def test_names_the_fault_and_no_other(change: Callable[[dict[str, Any]], object], problem: str) -> None:
    problems = check(changed(change), WORKFLOWS)
    # Without its second step, what refers to it dangles as well.
    problems = [one for one in problems if one == problem or "refers to step 7" not in one]
    assert len(problems) == 1
    assert problem in problems[0]


def test_names_every_fault() -> None:
    data = changed(lambda d: (step(d, nodeName="gone", nodePayload={"a": "{{x}}"}), d["variables"].append({})))
    assert check(data, WORKFLOWS) == [
        "variable 3 needs a name of up to 100 letters, digits and _",
        "step 2 uses the workflow gone, which does not exist",
        "step 7, a uses the variable x, which is not defined",
    ]


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_not_an_object(data: Any) -> None:
    assert check(data, WORKFLOWS) == ["the collection's data is not an object"]
    assert workflow_names(data) == set()


def test_steps_times_generations() -> None:
    steps = [{"id": n, "nodeName": "image"} for n in range(11)]
    data = {"steps": steps, "generations": {"generations": 10}}
    assert check(data, WORKFLOWS) == ["11 steps in 10 generations are more than the 100 steps a job may have"]
    assert check(data | {"steps": steps[1:]}, WORKFLOWS) == []


def test_too_deep() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    assert check({"steps": deep}, WORKFLOWS) == ["the collection's data is nested deeper than 64 levels"]


def test_the_error_is_the_contracts() -> None:
    with pytest.raises(CollectionCorruptedError) as caught:
        parse({"steps": [{"id": 1, "nodeName": "gone"}]}, WORKFLOWS)
    error = caught.value
    assert (error.status, error.message) == (400, "COLLECTION_CORRUPTED")
    assert error.extra["message"].startswith("This collection contains corrupted data")
    assert error.extra["userMessage"] == "Collection data is corrupted. Please contact support."
    assert error.extra["details"] == {"problems": ["step 1 uses the workflow gone, which does not exist"]}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["{{animal}}", "[", RICH]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$ref", "id", "type", "values", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.data())
def test_damaged_data_is_reported_or_sound_but_never_an_accident(data: st.DataObject) -> None:
    damaged = copy.deepcopy(DATA)
    node: Any = damaged
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if isinstance(node[key], (dict, list)) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        node[key] = data.draw(ANYTHING)
        break
    problems = check(damaged, WORKFLOWS)
    assert all(isinstance(problem, str) and problem for problem in problems)
    assert workflow_names(damaged) <= WORKFLOWS | {"[", RICH, "{{animal}}"}
    if not problems:
        done: set[int] = set()
        for one in parse(damaged, WORKFLOWS).steps:
            assert _targets(one.payload) <= done
            done.add(one.id)


def _targets(tree: Any) -> set[int]:
    if isinstance(tree, Phrase):
        return {part.step for part in tree.parts if isinstance(part, Ref)}
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return set().union(*map(_targets, children))
