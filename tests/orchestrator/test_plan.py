"""What is planned for a collection: steps, seeds, generations; and what cannot be planned."""

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.orchestrator.planning import NOW, PICK, PROMPT, SEED, TEXT, WORKFLOWS, collection, plan, rich, step

from emprops.errors import AppError, BadRequestError, CollectionCorruptedError, InvalidVariablesError
from emprops.orchestrator.start.plan import make_plan
from emprops.queue.messages import Requirements
from emprops.workflows.prompt_text import from_template
from emprops.workflows.store import Workflow


class TestOneStep:
    def test_everything_a_step_needs(self) -> None:
        planned = plan(step(7, "image", prompt="A {{animal}}", size=512, seed=3), variables=[TEXT])
        (one,) = planned.steps
        assert (one.id, one.key, one.generation, one.order, one.name) == (UUID(int=100), 7, 0, 1, "image")
        assert (one.job_type, one.payload) == ("run_image", {"prompt": "A fox", "size": 512, "seed": 3})
        assert (one.depends_on, one.is_result, one.output_mime_type) == ((), True, "image/png")
        assert one.requirements == Requirements(models=("sd.safetensors",))
        assert planned.generations[0].variables == {"animal": "fox"}
        assert planned.warnings == ()

    def test_a_lone_variable_keeps_its_type_in_both_forms_of_text(self) -> None:
        number = {"name": "n", "type": "number", "value": 5}
        for text in ("{{n}}", from_template("{{n}}")):
            assert plan(step(1, "any", value={"n": [text]}), variables=[number]).steps[0].payload == {
                "value": {"n": [5]}
            }

    def test_values_are_not_looked_into(self) -> None:
        for value in ("{{animal}}", rich({"type": "ref", "step": 1}), '{"$ref": 1}', '"}, {"'):
            (one,) = plan(step(1, "image", prompt="{{animal}}!"), variables=[TEXT], given={"animal": value}).steps
            assert one.payload["prompt"] == value + "!"

    def test_a_payload_without_references_is_stored_as_it_is(self) -> None:
        value = {"$ref": "#/a", "$text": ["x"], "$$ref": 1}
        assert plan(step(1, "any", value=value)).steps[0].payload == {"value": value}

    def test_an_optional_variable_without_a_value_leaves_its_field_alone(self) -> None:
        optional = {"name": "n", "type": "number", "required": False}
        (one,) = plan(step(1, "image", prompt="n={{n}}", size="{{n}}", seed=1), variables=[optional]).steps
        assert one.payload == {"prompt": "n=", "seed": 1}


class TestComfyTexts:
    def texts(self, fields: list[dict[str, Any]], job_seed: str, count: int = 1, **payload: Any) -> list[str]:
        data = {
            "form": {"fields": fields},
            "inputs": {"1": {"text": {"value": "prompt"}}},
            "workflow": {
                "1": {"class_type": "T", "inputs": {"text": ""}},
                "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "%date:yyyy-MM-dd%/fox"}},
            },
            "fills": {"inputs": {"1": {"text": ["dynamic_prompt"]}}},
        }
        words = "{" + "|".join(f"word {n}" for n in range(1000)) + "}"
        planned = make_plan(
            collection=collection(step(1, "graph", prompt="{{words}}", **payload),
                                  variables=[{"name": "words", "type": "text"}], generations={"generations": count}),
            workflows={"graph": Workflow(UUID(int=0), "graph", "", "comfy_workflow", data, "image/png")},
            variables={"words": words}, new_id=uuid4, seed=job_seed, now=NOW,
        )  # fmt: skip
        graphs = [one.payload["workflow"] for one in planned.steps]
        assert all(graph["2"]["inputs"]["filename_prefix"] == "2026-01-01/fox" for graph in graphs)
        return [graph["1"]["inputs"]["text"] for graph in graphs]

    def test_choices_follow_from_the_seed_that_is_given_or_drawn(self) -> None:
        seven = self.texts([PROMPT, SEED], "a", seed=7)
        assert self.texts([PROMPT, SEED], "b", 2, seed=7) == seven * 2
        assert self.texts([PROMPT, SEED], "b", seed="7") == seven
        assert self.texts([PROMPT, SEED], "b", seed=8) != seven
        assert len(set(self.texts([PROMPT, SEED], "a", 5))) > 1

    def test_without_a_seed_they_follow_from_the_generation(self) -> None:
        five = self.texts([PROMPT], "a", 5)
        assert len(set(five)) > 1
        assert self.texts([PROMPT], "a", 5) == five
        assert self.texts([PROMPT], "b", 5) != five


class TestSeeds:
    def test_follows_from_the_hash_within_the_field_s_limits(self) -> None:
        steps = [plan(step(1, "image"), seed=str(n)).steps[0] for n in range(50)]
        seeds = {one.payload["seed"] for one in steps}
        assert len(seeds) > 40
        assert all(isinstance(seed, int) and 0 <= seed <= 999 for seed in seeds)
        assert plan(step(1, "image"), seed="7").steps[0].payload == steps[7].payload

    def test_a_given_one_stays(self) -> None:
        optional = {"name": "seed", "type": "number", "required": False}
        arguments: dict[str, Any] = {"variables": [optional]}
        assert plan(step(1, "image", seed="{{seed}}"), given={"seed": 0}, **arguments).steps[0].payload == {"seed": 0}
        assert "seed" in plan(step(1, "image", seed="{{seed}}"), **arguments).steps[0].payload

    def test_further_seeds_are_drawn_too_unless_they_have_a_default(self) -> None:
        drawn = [plan(step(1, "twice", seed=3), seed=str(n)).steps[0].payload for n in range(9)]
        assert len({one["seed_2"] for one in drawn}) > 4
        assert {(one["seed"], one["seed_3"]) for one in drawn} == {(3, 5)}

    def test_no_seed_given_is_a_fresh_one(self) -> None:
        assert plan(step(1, "image"), seed=None).generations[0].hash != plan(step(1, "image")).generations[0].hash


class TestGenerations:
    def test_each_has_its_own_steps_hash_picks_and_references(self) -> None:
        planned = plan(
            step(1, "image", prompt="{{style}}"),
            step(2, "upscale", image={"$ref": 1}),
            variables=[PICK],
            generations={"generations": 3},
        )
        assert [(one.generation, one.order, one.key) for one in planned.steps] == [
            (0, 1, 1), (0, 2, 2), (1, 3, 1), (1, 4, 2), (2, 5, 1), (2, 6, 2),
        ]  # fmt: skip
        assert len({one.id for one in planned.steps}) == 6
        assert len({one.hash for one in planned.generations}) == 3
        for generation, at in zip(planned.generations, (0, 2, 4), strict=True):
            image, upscale = planned.steps[at : at + 2]
            assert image.payload["prompt"] == generation.variables["style"]
            assert upscale.depends_on == (image.id,)
            assert (image.is_result, upscale.is_result) == (False, True)

    def test_the_same_seed_gives_the_same_plan(self) -> None:
        arguments: dict[str, Any] = {"variables": [PICK], "generations": {"generations": 2}}
        first, again, other = (plan(step(1, "image", prompt="{{style}}"), seed=s, **arguments) for s in ("1", "1", "2"))
        assert first == again != other

    def test_custom_hashes(self) -> None:
        custom = {"generations": 2, "hashes": ["0xa", "0xb"], "use_custom_hashes": True}
        planned = plan(step(1, "image"), generations=custom)
        assert [one.hash for one in planned.generations] == ["0xa", "0xb"]
        assert planned == plan(step(1, "image"), generations=custom, seed="other")


class TestRefusals:
    def test_a_wrong_value_is_blamed_on_the_variable(self) -> None:
        number = {"name": "n", "type": "number", "value": 512}
        with pytest.raises(InvalidVariablesError) as caught:
            plan(step(1, "image", size="{{n}}"), variables=[number], given={"n": 9999})
        assert caught.value.extra["details"] == {"n": "must be a number from 64 to 2048, not 9999 (size of image)"}

    @pytest.mark.parametrize("variables", [[], [{"name": "n", "type": "number", "value": 9999, "lock_value": True}]])
    def test_or_on_the_collection_where_the_caller_could_not_help_it(self, variables: list[dict[str, Any]]) -> None:
        with pytest.raises(CollectionCorruptedError) as caught:
            plan(step(1, "image", size="{{n}}" if variables else 9999), variables=variables)
        assert caught.value.extra["details"]["problems"] == ["step 1, size must be a number from 64 to 2048, not 9999"]

    @pytest.mark.parametrize("payload", [{}, {"image": None}, {"image": ""}, {"image": "{{photo}}"}])
    def test_a_picture_that_nobody_gave_is_required(self, payload: dict[str, Any]) -> None:
        photo = {"name": "photo", "type": "text", "required": False}
        with pytest.raises(InvalidVariablesError) as caught:
            plan(step(1, "upscale", **payload), variables=[photo])
        missing = "photo" if payload.get("image") == "{{photo}}" else "image"
        assert caught.value.extra["details"] == {missing: "is required (image of upscale)"}

    def test_a_faulty_workflow(self) -> None:
        broken = WORKFLOWS | {"image": Workflow(UUID(int=0), "image", "", "direct_job", {}, "image/png")}
        with pytest.raises(CollectionCorruptedError) as caught:
            make_plan(collection=collection(step(1, "image")), workflows=broken, variables={}, new_id=UUID)
        assert caught.value.extra["details"]["problems"][0].startswith("workflow image: ")

    def test_payloads_that_grow_too_large(self) -> None:
        text = {"name": "animal", "type": "text"}
        given = {"animal": "x" * 60_000}
        for value in ("{{animal}} " * 20, ["{{animal}}"] * 20, ["<{{animal}}>"] * 900):
            with pytest.raises(BadRequestError, match="payload of any too large"):
                plan(step(1, "any", value=value), variables=[text], given=given)
        many = [step(n, "any", value=["{{animal}}"] * 16) for n in range(20)]
        with pytest.raises(BadRequestError, match="16 MiB per job"):
            plan(*many, variables=[text], given=given)

    def test_warnings(self) -> None:
        planned = plan(step(1, "image", prompt="x", colour=1), given={f"u{n:02}": 1 for n in range(12)})
        assert planned.warnings == (
            *(f"u{n:02} is no variable of this collection" for n in range(10)),
            "2 more variables are none of this collection",
            "image has no such fields, their values were ignored: colour",
        )

    def test_names_the_variable_that_was_probably_meant(self) -> None:
        variables = [
            {"name": "prompt", "type": "text", "test_value": "x"},
            {"name": "price", "type": "text", "value": "x", "lock_value": True},
        ]
        planned = plan(step(1, "any"), variables=variables, given={"promt": 1, "PROMPT": 1, "prise": 1, "x" * 9999: 1})
        assert planned.unknown == {
            "PROMPT": "is no variable of this collection; did you mean prompt?",
            "prise": "is no variable of this collection",
            "promt": "is no variable of this collection; did you mean prompt?",
            "x" * 9999: "is no variable of this collection",
        }
        assert planned.warnings[2] == "promt is no variable of this collection; did you mean prompt?"
        assert planned.warnings[3] == "x" * 100 + " is no variable of this collection"


ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["$ref", "$text", "a"]), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["animal", "n", "style", "other"]), ANY_VALUE))
def test_whatever_is_given_gives_a_plan_that_can_be_stored_or_a_sentence(given: dict[str, Any]) -> None:
    variables = [TEXT, {"name": "n", "type": "number", "value": 64}, PICK]
    steps = step(1, "image", prompt="{{animal}}, {{style}}", size="{{n}}"), step(2, "upscale", image={"$ref": 1})
    try:
        planned = plan(*steps, variables=variables, given=given)
    except AppError as error:
        assert error.status == 400  # noqa: PT017 - one of two expected ends
        assert set(error.extra["details"]) <= {"animal", "n", "style"}  # noqa: PT017
        return
    assert orjson.dumps([one.payload for one in planned.steps])
    assert planned.steps[1].depends_on == (planned.steps[0].id,)
