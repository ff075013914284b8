from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.collections import chance
from emprops.collections.picks import Option, pick
from emprops.collections.variables import MAX_TEXT_BYTES, parse, resolve, unknown
from emprops.errors import InvalidVariablesError

HASH = chance.generation_hash("a job", 0)
PICK = {"values": ["#f00", "#0f0", 3], "display_names": ["red", "green", "three"], "weights": []}


def defined(*items: dict[str, Any]) -> Any:
    definitions, problems = parse(list(items))
    assert problems == []
    return definitions


def settled(definition: dict[str, Any], *given: Any, generation_hash: str = HASH) -> Any:
    """The value of one variable, given or not."""
    values = {"x": given[0]} if given else {}
    return resolve(defined({"name": "x"} | definition), values, generation_hash).values["x"]


def refused(definition: dict[str, Any], *given: Any) -> str:
    with pytest.raises(InvalidVariablesError) as caught:
        settled(definition, *given)
    details = caught.value.extra["details"]
    assert list(details) == ["x"]
    return str(details["x"])


class TestChance:
    def test_follows_from_the_hash_alone_everywhere_and_always(self) -> None:
        # Written down once: these may never change, or old hashes would give other pictures.
        assert HASH == "0xb6fed6de1e0bf7a4bddbff37e0e0bc986b94a5e7f3b8c0e7ad9553b83635ce70"
        assert chance.fraction("0xabc", "style") == 0.8973506488499199
        assert chance.whole("0xabc", "seed", 0, 2**32 - 1) == 3460316345

    def test_texts_do_not_run_into_each_other(self) -> None:
        assert chance.generation_hash("1", 11) != chance.generation_hash("11", 1)
        assert chance.fraction("ab", "c") != chance.fraction("a", "bc")

    @given(st.text(), st.text(), st.integers(-5, 5), st.integers(0, 10))
    def test_ranges(self, first: str, second: str, low: int, width: int) -> None:
        assert 0 <= chance.fraction(first, second) < 1
        assert low <= chance.whole(first, second, low, low + width) <= low + width


class TestText:
    def test_given_then_value_then_test_value(self) -> None:
        definition = {"type": "text", "value": "own", "test_value": "test"}
        assert settled(definition, "given") == "given"
        assert settled(definition, None) == "own"
        assert settled(definition | {"value": ""}) == "test"
        assert settled(definition | {"value": None}) == "test"
        assert settled({"type": "text", "value": ""}) == ""

    def test_none_at_all(self) -> None:
        assert refused({"type": "text"}) == "is required: a text"
        assert refused({"type": "text", "value": "", "required": True}) == "is required: a text"
        assert settled({"type": "text", "required": False}) is None

    @pytest.mark.parametrize("given", [5, True, ["a"], {"$ref": "x"}, {"$text": ["a"]}])
    def test_only_texts(self, given: Any) -> None:
        assert refused({"type": "text"}, given) == "must be a text"

    def test_a_value_is_data(self) -> None:
        for value in ("{{other}}", '[{"type":"paragraph","children":[{"type":"ref","step":1}]}]', '{"$ref": 1}'):
            assert settled({"type": "text"}, value) == value

    def test_length(self) -> None:
        assert settled({"type": "text"}, "x" * MAX_TEXT_BYTES)
        assert refused({"type": "text"}, "ü" * (MAX_TEXT_BYTES // 2 + 1)) == "must be a text of at most 64 KiB"
        assert refused({"type": "text", "max_length": 3}, "four") == "must be a text of at most 3 characters"
        assert refused({"type": "text", "required": True}, "  ") == "must not be empty"


class TestNumber:
    @pytest.mark.parametrize("given", ["5", True, None.__class__, float("nan"), float("inf"), 2**64, -(2**63) - 1])
    def test_only_numbers_that_can_be_kept(self, given: Any) -> None:
        assert refused({"type": "number"}, given) == "must be a number"

    def test_limits(self) -> None:
        definition = {"type": "number", "value_type": "integers", "min": 1, "max": 4}
        assert settled(definition, 4) == 4
        assert type(settled(definition, 3.0)) is int
        for wrong in (0, 5, 1.5):
            assert refused(definition, wrong) == "must be a whole number from 1 to 4"
        assert refused({"type": "number", "min": 1}, 0) == "must be a number of at least 1"
        assert refused({"type": "number", "max": 1}, 2) == "must be a number of at most 1"
        seed = {"type": "number", "value_type": "integers", "min": 0, "max": 2**32 - 1}
        assert refused(seed, -1) == "must be a whole number from 0 to 4294967295"

    def test_zero_is_a_value(self) -> None:
        assert settled({"type": "number", "value": 0, "test_value": 5}) == 0
        assert settled({"type": "number", "value": 7}, 0) == 0


class TestAny:
    @pytest.mark.parametrize("given", ["a", "", 5, 0.5, True, False, 0])
    def test_keeps_its_type(self, given: Any) -> None:
        value = settled({"type": "any"}, given)
        assert (value, type(value)) == (given, type(given))

    def test_one_value_only(self) -> None:
        for wrong in ([1], {"$ref": 1}):
            assert refused({"type": "any"}, wrong) == "must be a text, a number, true or false"
        assert refused({"type": "any"}, 2**64) == "must be a number"
        assert refused({"type": "any"}) == "is required: a value"
        assert settled({"type": "any", "value": "own"}) == "own"


class TestPick:
    def test_a_value_or_its_display_name(self) -> None:
        assert [settled({"type": "pick", "value": PICK}, given) for given in ("#f00", "red", 3, 3.0, "three")] == [
            "#f00", "#f00", 3, 3, 3,
        ]  # fmt: skip

    def test_nothing_else(self) -> None:
        for wrong in ("blue", True, ["red"], {}, 4):
            assert refused({"type": "pick", "value": PICK}, wrong) == "must be one of red, green, three"
        assert refused({"type": "pick", "value": {"values": [True]}}, 1) == "must be one of true"

    def test_the_hash_decides(self) -> None:
        definition = {"type": "pick", "value": PICK}
        hashes = [chance.generation_hash("job", n) for n in range(300)]
        picked = [settled(definition, generation_hash=one) for one in hashes]
        assert picked == [settled(definition, generation_hash=one) for one in hashes]
        assert {"#f00", "#0f0", 3} == set(picked)
        assert min(Counter(picked).values()) > 70

    def test_weights(self) -> None:
        for kind in ("pick", "weighted_pick"):
            definition = {"type": kind, "value": {"values": ["a", "b", "c"], "weights": [0, 3, 1]}}
            picked = Counter(settled(definition, generation_hash=str(n)) for n in range(400))
            assert picked["a"] == 0
            assert 250 < picked["b"] < 350
            assert settled(definition, "a") == "a"

    @given(st.lists(st.floats(0, 1e12) | st.just(0.0), min_size=1, max_size=8), st.floats(0, 1, exclude_max=True))
    def test_never_one_without_weight(self, weights: list[float], at: float) -> None:
        options = [Option(index, str(index), weight) for index, weight in enumerate([*weights, 1e-300])]
        assert options[pick(options, at)].weight > 0


class TestResolve:
    def test_locked(self) -> None:
        locked = {"type": "text", "value": "fixed", "lock_value": True}
        assert settled(locked) == settled(locked, "fixed") == "fixed"
        assert refused(locked, "other") == "is locked by the collection and cannot be set"
        assert refused({"type": "pick", "value": PICK, "lock_value": True}, "red") == refused(locked, "other")
        assert refused({"type": "number", "value": 1, "lock_value": True}, True) == refused(locked, "other")

    def test_names_every_problem_and_the_contracts_error(self) -> None:
        definitions = defined(
            {"name": "a", "type": "text"}, {"name": "b", "type": "number"}, {"name": "c", "type": "pick", "value": PICK}
        )
        with pytest.raises(InvalidVariablesError) as caught:
            resolve(definitions, {"b": "x", "c": "blue"}, HASH)
        assert caught.value.status == 400
        assert caught.value.message == "Invalid variables"
        assert caught.value.extra["details"] == {
            "a": "is required: a text", "b": "must be a number", "c": "must be one of red, green, three",
        }  # fmt: skip

    def test_unknown_names_are_ignored_and_told(self) -> None:
        definitions, given = defined({"name": "a", "type": "text"}), {"a": "1", "z": 1, "b": {}}
        assert (resolve(definitions, given, HASH).values, sorted(unknown(definitions, given))) == (
            {"a": "1"},
            ["b", "z"],
        )


class TestDefinitions:
    @pytest.mark.parametrize(
        ("item", "problem"),
        [
            ("x", "variable 1 needs a name"),
            ({"type": "text"}, "variable 1 needs a name"),
            ({"name": "a b", "type": "text"}, "variable 1 needs a name"),
            ({"name": "x", "type": "image"}, "variable x has the unknown type 'image'"),
            ({"name": "x"}, "variable x has the unknown type None"),
            ({"name": "x", "type": "pick", "value": ["a"]}, "variable x needs a list of 1 to"),
            ({"name": "x", "type": "pick", "value": {"values": []}}, "variable x needs a list of 1 to"),
            ({"name": "x", "type": "pick", "value": {"values": [{}]}}, "neither a text nor a number"),
            ({"name": "x", "type": "pick", "value": {"values": ["x" * 70000]}}, "more than 64 KiB"),
            (
                {"name": "x", "type": "pick", "value": {"values": ["a", "b"], "weights": [1]}},
                "variable x has 2 values but 1 weights",
            ),
            (
                {"name": "x", "type": "pick", "value": {"values": ["a", "b"], "display_names": ["A"]}},
                "variable x has 2 values but 1 display_names",
            ),
            (
                {"name": "x", "type": "pick", "value": {"values": ["a"], "display_names": [1]}},
                "display name that is no",
            ),
            ({"name": "x", "type": "weighted_pick", "value": {"values": ["a"]}}, "1 values but 0 weights"),
            ({"name": "x", "type": "pick", "value": {"values": ["a"], "weights": [-1]}}, "needs weights"),
            ({"name": "x", "type": "pick", "value": {"values": ["a"], "weights": [0]}}, "needs weights"),
            ({"name": "x", "type": "text", "value": 5}, "has a value that does not fit: it must be a text"),
            ({"name": "x", "type": "number", "test_value": "5"}, "has a test_value that does not fit"),
            ({"name": "x", "type": "number", "max": "5"}, "has a max that is no number"),
            ({"name": "x", "type": "text", "max_length": 0}, "has a max_length"),
        ],
    )
    def test_names_faults(self, item: Any, problem: str) -> None:
        definitions, problems = parse([item])
        assert definitions == ()
        assert len(problems) == 1
        assert problem in problems[0]

    def test_duplicates_and_shape(self) -> None:
        assert parse([{"name": "a", "type": "text"}] * 2)[1] == ["two variables have the name a"]
        assert parse({"a": 1})[1] == ["variables must be a list of at most 200"]
        assert parse(None) == ((), [])
