import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.workflows.references import (
    Budget,
    FileResult,
    MixedText,
    Reference,
    StepResult,
    TextTooLongError,
    UnresolvedReferenceError,
    encode,
    join,
    references_in,
    rename_steps,
    resolve_references,
    steps_in,
)

IMAGE, TEXT, EMPTY = (UUID(int=n) for n in (1, 2, 3))
RESULTS = {
    str(IMAGE): StepResult((FileResult("https://files/1.png", "image/png"),)),
    str(TEXT): StepResult((FileResult("https://files/2.txt", "text/plain"),), "a poem"),
    str(EMPTY): StepResult(),
}
KEYS = st.sampled_from(["$ref", "$text", "$$ref", "$$$text", "ref", "a"])
DATA = st.recursive(
    st.none() | st.integers() | st.sampled_from(["x", str(IMAGE), "$ref"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def resolved(tree: Any) -> Any:
    return resolve_references(encode(tree), RESULTS)


def test_stored_forms() -> None:
    tree = {"image": Reference(IMAGE), "prompt": MixedText(("like ", Reference(TEXT), "!"))}
    stored = encode(tree)
    assert stored == {"image": {"$ref": str(IMAGE)}, "prompt": {"$text": ["like ", {"$ref": str(TEXT)}, "!"]}}
    assert references_in(stored) == {str(IMAGE), str(TEXT)}
    assert steps_in(tree) == {IMAGE, TEXT}


def test_a_file_gives_its_url_and_a_text_itself() -> None:
    tree = [Reference(IMAGE), Reference(TEXT), MixedText((Reference(IMAGE), " / ", Reference(TEXT)))]
    assert resolved(tree) == ["https://files/1.png", "a poem", "https://files/1.png / a poem"]


def test_a_result_is_not_looked_into() -> None:
    results = {str(TEXT): StepResult(text='{"$ref": "x"}')}
    assert resolve_references({"$text": [{"$ref": str(TEXT)}, "{{a}}"]}, results) == '{"$ref": "x"}{{a}}'


@pytest.mark.parametrize("step", [EMPTY, UUID(int=9)])
@pytest.mark.parametrize("wrap", [Reference, lambda step: MixedText(("a", Reference(step)))])
def test_a_missing_result_is_named(step: UUID, wrap: Any) -> None:
    with pytest.raises(UnresolvedReferenceError, match="A step made no file or text" if step == EMPTY else str(step)):
        resolved({"a": wrap(step)})


def test_results_that_grow_too_long() -> None:
    results = {str(TEXT): StepResult(text="x" * 600_000)}
    for tree in ([Reference(TEXT)] * 2, MixedText((Reference(TEXT), " ", Reference(TEXT)))):
        with pytest.raises(TextTooLongError):
            resolve_references(encode(tree), results)


@given(DATA)
def test_data_that_looks_like_a_reference_stays_data(data: Any) -> None:
    stored = encode({"data": data, "image": Reference(IMAGE)})
    assert references_in(stored) == {str(IMAGE)}
    assert resolve_references(stored, RESULTS) == {"data": data, "image": "https://files/1.png"}


def test_join_merges_texts_and_flattens_mixed_ones() -> None:
    inner = MixedText(("b", Reference(IMAGE), "c"))
    assert join(["a", inner, 1, None], Budget()) == MixedText(("ab", Reference(IMAGE), "c1"))
    assert join(["a", True, 1.5, {"k": [None]}], Budget()) == 'atrue1.5{"k":[null]}'
    assert join([], Budget()) == ""


MIXED = StepResult(
    files=(
        FileResult("https://files/a.mp4", "video/mp4"),
        FileResult("https://files/b.png", "image/png"),
        FileResult("https://files/c.webp", "image/webp"),
        FileResult("https://files/d.txt", "text/plain"),
    ),
    text="a caption",
    name="Paint",
)


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        (Reference(TEXT, into="text"), "a caption"),
        (Reference(TEXT, into="image"), "https://files/b.png"),
        (Reference(TEXT, into="video"), "https://files/a.mp4"),
        (Reference(TEXT), "a caption"),
        (Reference(TEXT, file=0), "https://files/a.mp4"),
        (Reference(TEXT, file=3, into="text"), "https://files/d.txt"),
        (Reference(TEXT, file=2, into="image"), "https://files/c.webp"),
        (Reference(TEXT, output="image", file=1), "https://files/c.webp"),
        (Reference(TEXT, output="image", into="text"), "https://files/b.png"),
        (Reference(TEXT, output="video", into="image"), "https://files/a.mp4"),
        (Reference(TEXT, output="file", into="text"), "https://files/a.mp4"),
        (Reference(TEXT, output="text"), "a caption"),
    ],
)
def test_it_follows_its_field_unless_it_says_what_it_means(reference: Reference, value: str) -> None:
    assert resolve_references(encode(reference), {str(TEXT): MIXED}) == value
    assert resolve_references(encode(MixedText(("<", reference, ">"))), {str(TEXT): MIXED}) == f"<{value}>"
    renamed = rename_steps(encode(reference), {str(TEXT): str(IMAGE)})
    assert resolve_references(renamed, {str(IMAGE): MIXED}) == value


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (Reference(TEXT, into="audio"), "Paint made no audio."),
        (Reference(TEXT, output="audio"), "Paint made no audio."),
        (Reference(TEXT, file=4), "Paint made no file 4, counted from 0."),
        (Reference(TEXT, output="image", file=2), "Paint made no image 2, counted from 0."),
        (Reference(TEXT, file=0, into="image"), "File 0 of Paint is no image but video/mp4."),
        (Reference(TEXT, file=3, into="image"), "File 3 of Paint is no image but text/plain."),
    ],
)
def test_what_does_not_fit_is_named(reference: Reference, says: str) -> None:
    with pytest.raises(UnresolvedReferenceError, match=f"^{re.escape(says)}$"):
        resolve_references(encode(reference), {str(TEXT): MIXED})


def test_a_picture_is_no_text_and_a_text_no_picture() -> None:
    for step, into, says in ((IMAGE, "text", "made no text"), (TEXT, "image", "made no image")):
        with pytest.raises(UnresolvedReferenceError, match=says):
            resolved({"a": Reference(step, into=into)})


def test_a_file_of_no_known_type_may_be_what_is_wanted() -> None:
    results = {str(TEXT): StepResult((FileResult("https://files/x", "application/octet-stream"),))}
    assert resolve_references(encode(Reference(TEXT, into="image")), results) == "https://files/x"
