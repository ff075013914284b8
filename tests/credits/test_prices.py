"""Amounts, and what a workflow's ``credits`` make a step cost."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.credits.amounts import LARGEST, MICROS, to_micros, to_number
from emprops.credits.prices import check_price, read_price
from emprops.kit.ids import new_id
from emprops.workflows import service as workflows
from emprops.workflows.references import Reference

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
    assert read_price(definition).of(fields) == price * MICROS
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
    ],
)
def test_a_wrong_price_is_refused_in_a_sentence(definition: Any, sentence: str) -> None:
    [problem] = check_price({"credits": definition})
    assert problem.startswith(sentence)


def test_a_workflow_with_a_wrong_price_does_not_pass_its_check() -> None:
    data = {"template": {"prompt": "x"}, "variable_types": {}, "job_type": "noop", "credits": "script"}
    problems = workflows.check("dynamic_json", data)
    assert [problem for problem in problems if problem.startswith("credits must be a number")]
    assert not [p for p in workflows.check("dynamic_json", data | {"credits": 1}) if "credits" in p]
