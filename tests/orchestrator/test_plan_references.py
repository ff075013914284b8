"""What is planned for a collection: references between steps."""

from typing import Any

import pytest
from tests.orchestrator.planning import TEXT, plan, rich, step

from emprops.errors import CollectionCorruptedError
from emprops.workflows.references import FileResult, StepResult, references_in, resolve_references

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
