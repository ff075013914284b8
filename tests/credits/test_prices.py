"""Amounts, and what a workflow's ``credits`` make a step cost."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.credits.amounts import LARGEST, MICROS, to_micros, to_number
from emprops.credits.parts import Ran, settle, to_stored, why
from emprops.credits.prices import StepPrice, check_price, read_price
from emprops.credits.usage import Usage
from emprops.kit.ids import new_id
from emprops.workflows import service as workflows
from emprops.workflows.references import Reference

TOKENS = {"per": "total_tokens", "rate": 0.000002, "minimum": 0.01, "most": 0.25}
TABLE = {"by": "job_type", "values": {"openai": 0.05, "5": 2, "true": 3}, "default": 0.25}


@pytest.mark.parametrize(
    ("amount", "micros"),
    [
        (0, 0),
        (1, 1_000_000),
        (0.05, 50_000),
        (0.25, 250_000),
        ("0.000001", 1),
        (Decimal("-2.5"), -2_500_000),
        (1e8, 10**14),
    ],
)
def test_an_amount_is_read_exactly(amount: Any, micros: int) -> None:
    assert to_micros(amount) == micros


@pytest.mark.parametrize(
    "amount",
    [True, "", "five", "1,5", float("nan"), float("inf"), "1e999999999", 0.0000001, "1e-999999999", 10**9, 1e300, None],
)
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(ValueError, match="an amount of credits must"):
        to_micros(amount)


@given(st.integers(-LARGEST, LARGEST))
def test_json_shows_every_amount_exactly(micros: int) -> None:
    assert to_micros(to_number(micros)) == micros


@pytest.mark.parametrize(
    ("definition", "fields", "price"),
    [
        (None, {}, 0),
        (0, {}, 0),
        (1, {}, 1),
        (0.25, {"job_type": "openai"}, 0.25),
        ({"cost": 0.25, "details": "per picture"}, {}, 0.25),
        (TABLE, {"job_type": "openai"}, 0.05),
        (TABLE, {"job_type": "OpenAI"}, 0.25),
        (TABLE, {"job_type": ""}, 0.25),
        (TABLE, {}, 0.25),
        (TABLE, {"job_type": None}, 0.25),
        (TABLE, {"job_type": ["openai"]}, 0.25),
        (TABLE, {"job_type": 5}, 2),
        (TABLE, {"job_type": 5.0}, 2),
        (TABLE, {"job_type": True}, 3),
        (TABLE, {"job_type": Reference(new_id())}, 0.25),
    ],
)
def test_the_price_of_a_step(definition: Any, fields: dict[str, Any], price: float) -> None:
    assert read_price(definition).of(fields).price == price * MICROS
    assert check_price({"credits": definition}) == []


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        (-1, "credits must be a number of credits from 0"),
        (True, "credits: an amount of credits must be a number"),
        (1_000_001, "credits must be a number of credits from 0"),
        (0.0000001, "credits: an amount of credits must not have more than 6 decimals"),
        ("return { cost: 1 }", "credits must be a number of credits from 0"),
        ([], "credits must be a number"),
        ({}, "credits.cost must be a number"),
        ({"cost": "1"}, "credits.cost must be a number"),
        ({"by": "", "values": {}, "default": 1}, "credits.by must be the id of a form field"),
        ({"by": "quality", "values": [], "default": 1}, "credits.values must be an object"),
        (
            {"by": "quality", "values": {"final": 1}},
            "credits.default is missing: the price for other values of quality",
        ),
        ({"by": "quality", "values": {"final": None}, "default": 1}, "credits.values.final must be a number"),
        ({"by": "quality", "values": {}, "default": -1}, "credits.default must be a number"),
        (TOKENS | {"per": 5}, "credits.per must say what is counted"),
        (TOKENS | {"per": "Total Tokens"}, "credits.per must say what is counted"),
        (TOKENS | {"rate": 0}, "credits.rate must be a number of credits above 0 for each of total_tokens"),
        (TOKENS | {"rate": "0.1"}, "credits.rate must be"),
        (TOKENS | {"rate": True}, "credits.rate must be"),
        (TOKENS | {"rate": 1e-13}, "credits.rate must be"),
        ({"per": "seconds", "rate": 1}, "credits.most must be a number"),
        (TOKENS | {"most": 0, "minimum": 0}, "credits.most must be above 0"),
        (TOKENS | {"minimum": 0.3}, "credits.most must be above 0, and not below credits.minimum"),
        ({"by": "quality", "values": {"a": TOKENS | {"rate": -1}}, "default": 1}, "credits.values.a.rate must be"),
        ({"by": "quality", "values": {}, "default": {"per": "seconds", "rate": 1}}, "credits.default.most must be"),
    ],
)
def test_a_wrong_price_is_refused_in_a_sentence(definition: Any, sentence: str) -> None:
    [problem] = check_price({"credits": definition})
    assert problem.startswith(sentence)


@pytest.mark.parametrize(
    ("data", "charged"),
    [
        ({"usage": {"total_tokens": 50_000}}, 0.1),
        ({"usage": {"total_tokens": 5_000.25}}, 0.010001),  # rounded up to a micro-credit
        ({"usage": {"total_tokens": 0}}, 0.01),
        ({"usage": {"total_tokens": 125_001}}, 0.25),
        ({"usage": {"total_tokens": 10**18}}, 0.25),
        ({"usage": {"total_tokens": 1e308}}, 0.25),
    ],
)
def test_usage_is_charged_between_minimum_and_most(data: dict[str, Any], charged: float) -> None:
    usage = read_price(TOKENS).of({}).usage
    assert usage is not None
    assert usage.charge(usage.used_of(data, 3.0)) == charged * MICROS


@pytest.mark.parametrize("told", [None, True, -1, "50000", float("nan"), float("inf"), [1], {}])
def test_what_cannot_be_usage_is_missing_and_costs_the_minimum(told: Any) -> None:
    usage = read_price(TOKENS).of({}).usage
    assert usage is not None
    for data in ({"usage": {"total_tokens": told}}, {"usage": told}, {}):
        assert usage.used_of(data, 3.0) is None
    assert usage.charge(None) == 0.01 * MICROS


def test_seconds_are_not_taken_from_the_result() -> None:
    usage = read_price({"per": "seconds", "rate": 0.001, "most": 1}).of({}).usage
    assert usage is not None
    data = {"usage": {"seconds": 0}, "seconds": 0}
    assert usage.used_of(data, None) is None
    assert usage.charge(usage.used_of(data, 12.5)) == 0.0125 * MICROS


@given(st.decimals(0, 10**12, places=3), st.decimals("0.000000000001", 10, places=12), st.integers(0, 10**9), st.data())
def test_a_charge_is_exact_and_within_its_bounds(used: Decimal, rate: Decimal, most: int, data: st.DataObject) -> None:
    usage = Usage("seconds", rate, data.draw(st.integers(0, most)), most)
    exact = Fraction(used) * Fraction(rate) * MICROS
    assert usage.charge(used) == min(max(math.ceil(exact), usage.minimum), most)


def test_why_a_step_costs_what_it_does() -> None:
    table = read_price(TABLE | {"values": {"chat": TOKENS}})
    for definition, fields, reason in (
        (None, {}, "free"),
        (1, {}, "flat"),
        (TABLE, {"job_type": "openai"}, "job_type is openai"),
        (TABLE, {}, "the default for job_type"),
        (TOKENS, {}, "total_tokens at 0.000002 each, at least 0.01 and at most 0.25"),
        ({"per": "seconds", "rate": 10, "most": 5}, {}, "seconds at 10 each, at most 5"),
    ):
        assert why(read_price(definition).of(fields)) == reason
    assert why(read_price(None).of({}).at_least(5)) == "flat, raised to the least for its job type"
    assert why(read_price(1).of({}).at_least(5)) == "flat"
    both = table.of({"job_type": "chat"})
    assert (why(both), both.price, both.least) == (
        "job_type is chat: total_tokens at 0.000002 each, at least 0.01 and at most 0.25",
        0.25 * MICROS,
        0.01 * MICROS,
    )


def test_many_steps_settled_by_usage_are_named_briefly_in_the_ledger() -> None:
    cost = read_price(TOKENS | {"minimum": 0}).of({})
    steps = [StepPrice(n, 0, f"step {n}", cost, n) for n in range(1, 8)]
    stored = to_stored(5, steps, enforced=True)
    assert stored is not None
    ran = {n: Ran({"usage": {"total_tokens": n}}, None) for n in range(1, 7)}
    settled = settle(stored, ran)
    assert (settled.charge, settled.missing) == (5 + 2 * 21, 1)
    assert settled.reason.startswith("step 1: 1 total_tokens at 0.000002 = 0.000002; step 2: 2 ")
    assert settled.reason.endswith("; and 2 more steps")


def test_a_workflow_with_a_wrong_price_does_not_pass_its_check() -> None:
    data = {"template": {"prompt": "x"}, "variable_types": {}, "job_type": "noop", "credits": "script"}
    problems = workflows.check("dynamic_json", data)
    assert [problem for problem in problems if problem.startswith("credits must be a number")]
    assert not [p for p in workflows.check("dynamic_json", data | {"credits": 1}) if "credits" in p]
