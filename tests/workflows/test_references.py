from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.workflows.references import (
    Budget,
    MixedText,
    Reference,
    StepResult,
    TextTooLongError,
    UnresolvedReferenceError,
    encode,
    join,
    references_in,
    resolve_references,
    steps_in,
)

IMAGE, TEXT, EMPTY = (UUID(int=n) for n in (1, 2, 3))
RESULTS = {
    str(IMAGE): StepResult(url="https://files/1.png", text=None),
    str(TEXT): StepResult(url="https://files/2.txt", text="a poem"),
    str(EMPTY): StepResult(url=None, text=None),
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
    results = {str(TEXT): StepResult(url=None, text='{"$ref": "x"}')}
    assert resolve_references({"$text": [{"$ref": str(TEXT)}, "{{a}}"]}, results) == '{"$ref": "x"}{{a}}'


@pytest.mark.parametrize("step", [EMPTY, UUID(int=9)])
@pytest.mark.parametrize("wrap", [Reference, lambda step: MixedText(("a", Reference(step)))])
def test_a_missing_result_is_named(step: UUID, wrap: Any) -> None:
    with pytest.raises(UnresolvedReferenceError, match=str(step)):
        resolved({"a": wrap(step)})


def test_results_that_grow_too_long() -> None:
    results = {str(TEXT): StepResult(url=None, text="x" * 600_000)}
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
