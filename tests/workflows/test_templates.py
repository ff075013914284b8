from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.workflows.prompt_text import PromptTextError, Ref, Variable, from_template, to_parts
from emprops.workflows.references import Budget, MixedText, Reference, TextTooLongError
from emprops.workflows.templates import MAX_PLACEHOLDERS, Template, TemplateError, UnknownPlaceholderError, parse

NAMES = ("prompt", "seed", "style")
# "{x}" would become a placeholder between "{{" and "}}"
PIECES = st.sampled_from(
    ["", "! ", " \n", "{{prompt}}", "{{ seed }}", "{{style}}", "{{", "}}", "{x y}", "\\", '"', "–"]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20
)


def fill(template: Any, **values: Any) -> Any:
    return parse(template).fill(values)


def shape(tree: Any) -> Any:
    """Keys and lengths, without the leaves."""
    if isinstance(tree, dict):
        return {key: shape(value) for key, value in tree.items()}
    return [shape(value) for value in tree] if isinstance(tree, list) else None


class TestTemplates:
    def test_a_whole_leaf_keeps_the_type_and_a_longer_text_takes_it_in(self) -> None:
        template = {"n": "{{n}}", "t": "n={{ n }}, b={{b}}", "k{{n}}": ["{{b}}", 7, None]}
        assert fill(template, n=5, b=True) == {"n": 5, "t": "n=5, b=true", "k{{n}}": [True, 7, None]}

    @pytest.mark.parametrize("value", ['"', "\\", "}}", "{{other}}", '", "admin": true, "x": "', "$1", "\n", ""])
    def test_a_value_is_never_looked_into(self, value: str) -> None:
        assert fill({"a": "{{v}}", "b": "<{{v}}>"}, v=value) == {"a": value, "b": f"<{value}>"}

    def test_what_is_no_placeholder_stays(self) -> None:
        texts = ["{{}}", "{{ a b }}", "{ {a}}", "{{a-b}}", "{a}", "{{\ta}}"]
        assert fill(texts) == texts

    def test_names_every_unknown_placeholder(self) -> None:
        with pytest.raises(UnknownPlaceholderError, match=r"\{\{a\}\}, \{\{b\}\}"):
            fill(["{{b}}", "{{a}}", "{{c}}"], c=1)

    def test_null_is_nothing_within_a_text(self) -> None:
        assert fill(["{{a}}", "x{{a}}"], a=None) == [None, "x"]

    def test_references_stay_objects(self) -> None:
        reference = Reference(UUID(int=1))
        assert fill(["{{r}}", "see {{r}}!"], r=reference) == [reference, MixedText(("see ", reference, "!"))]

    def test_too_deep_too_many_too_long(self) -> None:
        deep: Any = "x"
        for _ in range(65):
            deep = [deep]
        for template in (deep, ["{{a}}"] * (MAX_PLACEHOLDERS + 1)):
            with pytest.raises(TemplateError):
                parse(template)
        for template in (["{{a}}"] * 10, ["<{{a}}>"] * 10):
            with pytest.raises(TextTooLongError):
                parse(template).fill({"a": "x" * 11}, Budget(100))

    @given(TREES, st.fixed_dictionaries(dict.fromkeys(NAMES, SCALARS)))
    def test_the_structure_is_the_templates(self, template: Any, values: dict[str, Any]) -> None:
        parsed: Template = parse(template)
        filled = parsed.fill(values)
        assert shape(filled) == shape(template)
        assert parsed.placeholders <= set(NAMES)

    @given(TREES, st.dictionaries(st.sampled_from(NAMES), TREES, min_size=3))
    def test_a_placed_value_arrives_unchanged(self, template: Any, values: dict[str, Any]) -> None:
        filled = parse({"rest": template, "whole": ["{{prompt}}"]}).fill(values)
        assert filled["whole"] == [values["prompt"]]

    @given(TREES)
    def test_filling_placeholders_with_themselves_gives_the_template(self, template: Any) -> None:
        assert fill(template, prompt="{{prompt}}", seed="{{ seed }}", style="{{style}}") == template


class TestPromptText:
    def test_plain_text(self) -> None:
        assert to_parts("A {{animal}} in {{ place }}.") == ["A ", Variable("animal"), " in ", Variable("place"), "."]
        assert to_parts("") == []

    def test_prompt_editor_text(self) -> None:
        text = """[
          {"type": "paragraph", "children": [
            {"text": "A "}, {"type": "variable", "name": "animal", "children": [{"text": ""}]},
            {"type": "link", "children": [{"text": " of {{colour}}"}]}]},
          {"type": "paragraph", "children": [{"text": "like "}, {"type": "ref", "step": 12}, {"text": ""}]}]"""
        assert to_parts(text) == ["A ", Variable("animal"), " of ", Variable("colour"), "\nlike ", Ref(12)]

    @pytest.mark.parametrize("text", ["[]", "[1, 2]", "[tag] a fox", '["a"]', '[{"text": "a"}]'])
    def test_what_only_looks_like_it_is_plain(self, text: str) -> None:
        assert to_parts(text) == [text]

    @pytest.mark.parametrize(
        ("node", "message"),
        [
            ('{"type": "variable"}', "variable node without a name"),
            ('{"type": "ref", "step": "12"}', "ref node without a step id"),
            ('{"type": "ref", "step": true}', "ref node without a step id"),
            ('{"type": "image"}', "neither text, variable nor reference"),
            ("7", "neither text, variable nor reference"),
        ],
    )
    def test_says_what_it_cannot_read(self, node: str, message: str) -> None:
        with pytest.raises(PromptTextError, match=message):
            to_parts(f'[{{"type": "paragraph", "children": [{node}]}}]')

    def test_a_lone_variable_stays_one_so_that_its_type_is_kept(self) -> None:
        assert to_parts(from_template("{{seed}}")) == [Variable("seed")]

    @given(TEXTS)
    def test_a_template_means_the_same_in_both_forms(self, text: str) -> None:
        assert to_parts(from_template(text)) == to_parts(text)
