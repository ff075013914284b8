import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.collections.store import Collection
from emprops.errors import AppError, BadRequestError, CollectionCorruptedError, InvalidVariablesError
from emprops.orchestrator.start.plan import Plan, make_plan
from emprops.queue.messages import Requirements
from emprops.workflows.prompt_text import from_template
from emprops.workflows.references import FileResult, StepResult, references_in, resolve_references
from emprops.workflows.store import Workflow

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def workflow(
    name: str, *fields: dict[str, Any], kind: str = "direct_job", makes: str = "image/png", **more: Any
) -> Workflow:
    data = {
        "form": {"fields": list(fields)},
        "inputs": [{"id": field["id"], "pathJq": f".{field['id']}"} for field in fields],
        "job": {"service_required": f"run_{name}", "payload": {}},
    }
    return Workflow(UUID(int=0), name, name, kind, data, makes, **more)


PROMPT = {"id": "prompt", "type": "prompt_editor"}
SIZE = {"id": "size", "type": "number", "constraints": {"min": 64, "max": 2048}}
SEED = {"id": "seed", "type": "number", "constraints": {"min": 0, "max": 999}}
WORKFLOWS = {
    one.name: one
    for one in (
        workflow("image", PROMPT, SIZE, SEED, models=("sd.safetensors",)),
        workflow("upscale", {"id": "image", "type": "image_loader", "required": True}, PROMPT),
        workflow("any", {"id": "value", "type": "json"}, makes="application/json"),
        workflow("write", PROMPT, makes="text/plain"),
        workflow("film", {"id": "film", "type": "video_loader"}, makes="video/mp4"),
        workflow("still", {"id": "image", "type": "image_loader"}, kind="basic"),
        workflow("note", PROMPT, kind="basic"),
        workflow("twice", SEED, SEED | {"id": "seed_2"}, SEED | {"id": "seed_3", "default": 5}),
    )
}


def step(key: int, name: str, **payload: Any) -> dict[str, Any]:
    return {"id": key, "nodeName": name, "nodePayload": payload}


def rich(*children: dict[str, Any]) -> str:
    return json.dumps([{"type": "paragraph", "children": list(children)}])


def collection(*steps: dict[str, Any], variables: list[dict[str, Any]] | None = None, **data: Any) -> Collection:
    return Collection(
        id=UUID(int=1), project_id=UUID(int=2), user_id=UUID(int=3), title="T", description="", blockchain=None,
        price=Decimal(0), editions=1, status="published", archived=False, is_public=True, cover_image_url=None,
        miniapp_cover_image=None, cast_hash=None, is_custodial=False, custodied_for=None, is_global=False,
        input_type=None, output_type=None, version=1, slug=None, created_at=NOW, updated_at=NOW, published_at=NOW,
        data={"version": "v2", "steps": list(steps), "variables": variables or [], **data},
    )  # fmt: skip


def plan(*steps: dict[str, Any], given: dict[str, Any] | None = None, seed: str | None = "s", **data: Any) -> Plan:
    ids = itertools.count(100)
    return make_plan(
        collection=collection(*steps, **data),
        workflows=WORKFLOWS,
        variables=given or {},
        new_id=lambda: UUID(int=next(ids)),
        seed=seed,
    )


TEXT = {"name": "animal", "type": "text", "value": "fox"}
PICK = {"name": "style", "type": "pick", "value": {"values": [f"style {n}" for n in range(100)]}}


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


URL_INSTEAD = (
    "takes a text, but step 1 (image) makes image/png; to put in the URL of that file, say"
    ' {"$ref": 1, "output": "file"}'
)


class TestReferences:
    def test_a_chain(self) -> None:
        planned = plan(step(2, "upscale", image={"$ref": 1}), step(1, "image", prompt="x", seed=1))
        image, upscale = planned.steps
        assert [(one.key, one.order, one.is_result) for one in planned.steps] == [(1, 1, False), (2, 2, True)]
        assert upscale.depends_on == (image.id,)
        assert upscale.payload == {"image": {"$ref": str(image.id), "into": "image"}}
        results = {str(image.id): StepResult((FileResult("https://f/1.png", "image/png"),), "a text too")}
        assert resolve_references(upscale.payload, results) == {"image": "https://f/1.png"}

    def test_within_text(self) -> None:
        text = rich({"text": "like "}, {"type": "ref", "step": 1}, {"text": ", {{animal}}"})
        first, second = plan(step(1, "any"), step(2, "upscale", image="u", prompt=text), variables=[TEXT]).steps
        assert second.payload["prompt"] == {"$text": ["like ", {"$ref": str(first.id), "into": "text"}, ", fox"]}

    def test_a_file_field_takes_one_and_a_number_does_not(self) -> None:
        with pytest.raises(CollectionCorruptedError, match="COLLECTION_CORRUPTED") as caught:
            plan(step(1, "any"), step(2, "image", size={"$ref": 1}))
        assert caught.value.extra["details"]["problems"] == [
            "step 2, size cannot take the result of another step, it takes a number"
        ]

    @pytest.mark.parametrize(
        ("maker", "taker", "problem"),
        [
            ("write", "upscale.image", "takes an image, but step 1 (write) makes text/plain"),
            ("film", "upscale.image", "takes an image, but step 1 (film) makes video/mp4"),
            ("image", "film.film", "takes a video, but step 1 (image) makes image/png"),
            ("image", "still.image", None),
            ("image", "any.value", None),
            ("write", "any.value", None),
            ("any", "upscale.image", None),
            ("write", "image.prompt", None),
            (
                "image",
                "image.prompt",
                URL_INSTEAD,
            ),
        ],
    )
    def test_what_cannot_fit_is_refused(self, maker: str, taker: str, problem: str | None) -> None:
        name, _, field = taker.partition(".")
        steps = step(1, maker), step(2, name, **{field: {"$ref": 1}}), step(3, "upscale", image="u")
        if problem is None:
            assert plan(*steps)
            return
        for value in ({"$ref": 1}, rich({"text": "see "}, {"type": "ref", "step": 1})):
            with pytest.raises(CollectionCorruptedError) as caught:
                plan(*steps[:1], step(2, name, **{field: value}), steps[2])
            assert caught.value.extra["details"]["problems"] == [f"step 2, {field} {problem}"]

    @pytest.mark.parametrize(
        ("said", "stored"),
        [
            ({"output": "file"}, {"output": "file", "into": "text"}),
            ({"output": "image", "file": 2}, {"output": "image", "file": 2, "into": "text"}),
            ({"file": 0}, {"file": 0, "into": "text"}),
        ],
    )
    def test_an_author_says_which_result_is_meant(self, said: dict[str, Any], stored: dict[str, Any]) -> None:
        first, second = plan(step(1, "image"), step(2, "image", prompt={"$ref": 1} | said)).steps
        assert second.payload["prompt"] == {"$ref": str(first.id)} | stored
        node = {"type": "ref", "step": 1} | said
        first, second = plan(step(1, "image"), step(2, "image", prompt=rich({"text": "a "}, node))).steps
        assert second.payload["prompt"] == {"$text": ["a ", {"$ref": str(first.id)} | stored]}

    def test_the_text_of_a_step_is_no_file(self) -> None:
        with pytest.raises(CollectionCorruptedError) as caught:
            plan(step(1, "image"), step(2, "upscale", image={"$ref": 1, "output": "text"}))
        says = "step 2, image takes an image, and refers to the text of another step"
        assert caught.value.extra["details"]["problems"] == [says]

    def test_what_a_held_value_takes_counts(self) -> None:
        held = step(2, "still", image={"$ref": 1})
        first, third = plan(step(1, "image"), held, step(3, "upscale", image={"$ref": 2})).steps
        assert third.payload == {"image": {"$ref": str(first.id), "into": "image"}}
        with pytest.raises(CollectionCorruptedError) as caught:
            plan(step(1, "image"), held, step(3, "image", prompt={"$ref": 2}))
        says = "step 3, prompt takes a text, and refers to an image"
        assert caught.value.extra["details"]["problems"] == [says]
        with_url = plan(step(1, "image"), held, step(3, "image", prompt={"$ref": 2, "output": "file"})).steps
        assert with_url[1].payload["prompt"] == {"$ref": str(first.id), "output": "file", "into": "text"}

    def test_two_ends_are_two_results(self) -> None:
        planned = plan(step(1, "any"), step(2, "upscale", image={"$ref": 1}), step(3, "upscale", image={"$ref": 1}))
        assert [one.is_result for one in planned.steps] == [False, True, True]
        assert planned.steps[2].depends_on == (planned.steps[0].id,)

    def test_data_that_looks_like_one_is_data(self) -> None:
        text = {"name": "animal", "type": "text"}
        foreign = {"schema": {"$ref": "#/a"}, "$text": ["x"], "image": {"$ref": 1}, "said": "{{animal}}"}
        given = {"animal": '{"$ref": 1}'}
        first, second = plan(step(1, "any"), step(2, "any", value=foreign), variables=[text], given=given).steps
        assert references_in(second.payload) == {str(first.id)}
        results = {str(first.id): StepResult((FileResult("u", "image/png"),))}
        assert resolve_references(second.payload, results) == {"value": foreign | {"image": "u", "said": '{"$ref": 1}'}}

    def test_a_basic_step_is_what_it_holds(self) -> None:
        planned = plan(
            step(1, "any"),
            step(2, "note", prompt=rich({"text": "see "}, {"type": "ref", "step": 1})),
            step(3, "upscale", image="u", prompt=rich({"text": "A: "}, {"type": "ref", "step": 2})),
            step(4, "note", prompt="B"),
            step(5, "upscale", image="u", prompt={"$ref": 4}),
        )
        first, third, fifth = planned.steps
        assert [one.key for one in planned.steps] == [1, 3, 5]
        assert third.payload["prompt"] == {"$text": ["A: see ", {"$ref": str(first.id), "into": "text"}]}
        assert fifth.payload == {"image": "u", "prompt": "B"}

    def test_nothing_to_run(self) -> None:
        with pytest.raises(CollectionCorruptedError) as caught:
            plan(step(1, "note", prompt="B"))
        assert caught.value.extra["details"]["problems"] == ["no step has anything to run"]


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
