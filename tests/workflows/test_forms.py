from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from emprops.workflows.forms import FieldError, Form, read_field, read_form
from emprops.workflows.paths import PathError, parse_path, set_path
from emprops.workflows.references import MixedText, Reference

REFERENCE = Reference(UUID(int=1))


def read(value: Any, **definition: Any) -> Any:
    return read_field("x", definition).read(value)


class TestFields:
    @pytest.mark.parametrize(
        ("definition", "value", "expected"),
        [
            ({"type": "prompt_editor"}, "a", "a"),
            ({"type": "input"}, 5, "5"),
            ({"type": "input", "constraints": {"min": 1}}, "5", 5),
            ({"type": "slider", "constraints": {"min": 0, "max": 1, "step": 0.1}}, 0.5, 0.5),
            ({"type": "slider", "constraints": {"min": 1, "step": 1}}, 5.0, 5),
            ({"type": "number"}, "1.5e2", 150.0),
            ({"type": "checkbox"}, "True", True),
            ({"type": "select", "options": ["a", {"value": 2, "label": "two"}]}, "two", 2),
            ({"type": "select", "options": ["a", {"value": 2, "label": "two"}]}, 2, 2),
            ({"type": "select"}, "free", "free"),
            ({"type": "image_loader"}, " https://x/y.png ", "https://x/y.png"),
            ({"type": "image_loader"}, "generations/a/b.png", "generations/a/b.png"),
            ({"type": "image_loader"}, REFERENCE, replace(REFERENCE, into="image")),
            ({"type": "audio_loader"}, REFERENCE, replace(REFERENCE, into="audio")),
            ({"type": "text"}, REFERENCE, replace(REFERENCE, into="text")),
            ({"type": "json"}, REFERENCE, REFERENCE),
            ({"type": "video_loader"}, "https://x/y.mp4", "https://x/y.mp4"),
            ({"type": "audio_loader"}, "/files/a.wav", "/files/a.wav"),
            ({"type": "prompt_editor"}, MixedText(("a", REFERENCE)), MixedText(("a", replace(REFERENCE, into="text")))),
            ({"type": "json"}, {"a": [REFERENCE]}, {"a": [REFERENCE]}),
        ],
    )
    def test_reads(self, definition: dict[str, Any], value: Any, expected: Any) -> None:
        result = read(value, **definition)
        assert result == expected
        assert type(result) is type(expected)

    @pytest.mark.parametrize(
        ("definition", "value", "message"),
        [
            ({"type": "text"}, {"a": 1}, "must be a text"),
            ({"type": "text"}, True, "must be a text"),
            ({"type": "number", "min": 1, "max": 9}, 10, "from 1 to 9, not 10"),
            ({"type": "number", "min": 1}, "ten", "a number of at least 1"),
            ({"type": "number"}, True, "must be a number"),
            ({"type": "number"}, 1e300, "must be a number"),
            ({"type": "number"}, "1_0", "must be a number"),
            ({"type": "number", "step": 1}, 1.5, "whole number"),
            ({"type": "checkbox"}, 1, "true or false"),
            ({"type": "select", "options": ["a", "b"]}, "c", "must be one of a, b"),
            ({"type": "select", "options": [1]}, True, "must be one of 1"),
            ({"type": "image_loader"}, "file:///etc/passwd", "http"),
            ({"type": "image_loader"}, ["a"], "URL of a file"),
            ({"type": "video_loader"}, "ftp://x/y.mp4", "http"),
            ({"type": "audio_loader"}, 3, "URL of a file"),
            ({"type": "number"}, REFERENCE, "result of another step"),
            ({"type": "select", "options": ["a"]}, REFERENCE, "result of another step"),
        ],
    )
    def test_refuses(self, definition: dict[str, Any], value: Any, message: str) -> None:
        with pytest.raises(FieldError, match=message):
            read(value, **definition)


class TestForms:
    def test_defaults_required_and_empty(self) -> None:
        form, problems = read_form(
            {
                "fields": [
                    {"id": "prompt", "type": "prompt_editor", "required": True},
                    {"id": "size", "type": "number", "default": 768},
                    {"id": "style", "type": "select", "options": ["a"]},
                    {"id": "key", "type": "optional_input", "required": True},
                ]
            }
        )
        assert problems == []
        assert form.fill({"prompt": "x", "style": "", "other": 1}).values == {"prompt": "x", "size": 768}
        empty = form.fill({"prompt": "", "size": "big"})
        assert empty.problems == {"prompt": "is required", "size": "must be a number"}

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (None, "form.fields must be a list"),
            ({"fields": [{"type": "text"}]}, "form field 1 has no id"),
            ({"fields": [{"id": "a", "type": "text"}] * 2}, "two form fields have the id a"),
            ({"fields": [{"id": "a", "type": "colour"}]}, "form field a has the unknown type 'colour'"),
            ({"fields": [{"id": "a", "type": "number", "min": "1"}]}, "form field a has a min that is no number"),
            ({"fields": [{"id": "a", "type": "number", "min": 2, "max": 1}]}, "min of 2 above its max of 1"),
            ({"fields": [{"id": "a", "type": "number", "default": "x"}]}, "default that does not fit"),
            ({"fields": [{"id": "a", "type": "select", "options": []}]}, "options that are not a list"),
            ({"fields": [{"id": "a", "type": "select", "options": [None]}]}, "an option without a value"),
        ],
    )
    def test_names_faults(self, data: Any, message: str) -> None:
        form, problems = read_form(data)
        assert isinstance(form, Form)
        assert len(problems) == 1
        assert message in problems[0]


class TestPaths:
    @pytest.mark.parametrize(
        ("text", "path"),
        [
            (".prompt", ("prompt",)),
            (".payload.image[0].url", ("payload", "image", 0, "url")),
            ('.["content-type"][1]', ("content-type", 1)),
            ("[0].a", (0, "a")),
        ],
    )
    def test_reads(self, text: str, path: tuple[str | int, ...]) -> None:
        assert parse_path(text) == path

    @pytest.mark.parametrize("text", [None, 1, "", "prompt", ".", ".a.", ".a[]", ".a | .b", ".a[-1]", "..", ".a[0"])
    def test_refuses(self, text: Any) -> None:
        with pytest.raises(PathError):
            parse_path(text)

    def test_sets_and_makes_what_is_missing(self) -> None:
        assert set_path({"a": 1}, parse_path(".b[0].c"), 2) == {"a": 1, "b": [{"c": 2}]}
        assert set_path({"a": [1, 2]}, parse_path(".a[1]"), 3) == {"a": [1, 3]}

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            (".a.b", "no key b in a text"),
            (".l.k", "no key k in a list"),
            (".o[0]", "no index 0 in an object"),
            (".l[2]", "leaves a gap"),
            (".n[1]", "leaves a gap"),
        ],
    )
    def test_says_what_does_not_fit(self, path: str, message: str) -> None:
        with pytest.raises(PathError, match=message):
            set_path({"a": "x", "l": [1], "o": {}, "n": None}, parse_path(path), 1)

    def test_a_set_value_is_a_copy(self) -> None:
        value = {"a": [1]}
        tree = set_path(set_path({}, ("v",), value), ("v", "a", 0), 2)
        assert (tree, value) == ({"v": {"a": [2]}}, {"a": [1]})

    @given(st.text(alphabet='.[]"a0-|$', max_size=12))
    def test_what_can_be_read_can_be_set(self, text: str) -> None:
        try:
            path = parse_path(text)
        except PathError:
            return
        assume(not any(part for part in path if isinstance(part, int)))  # from nothing, only index 0 leaves no gap
        found = set_path(None, path, "here")
        for part in path:
            found = found[part]
        assert found == "here"
