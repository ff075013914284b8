"""The shapes of prices in parts: what a generation would cost, and what a job costs."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from emprops.kit.web.schema import Schema

USAGE_EXAMPLE: dict[str, Any] = {"per": "total_tokens", "rate": 0.000002, "minimum": 0, "most": 0.25}
STEP_EXAMPLE: dict[str, Any] = {
    "step": 1,
    "name": "openai_chat",
    "generation": 0,
    "price": 0.25,
    "why": "total_tokens at 0.000002 each, at most 0.25",
    "by": None,
    "value": None,
    "usage": USAGE_EXAMPLE,
}
PRICE_EXAMPLE: dict[str, Any] = {
    "state": "captured",
    "price": 0.35,
    "least": 0.1,
    "charged": 0.102468,
    "collection": 0.1,
    "steps": [STEP_EXAMPLE | {"used": 1234, "charged": 0.002468}],
}


class UsageView(Schema):
    """How a step is settled by what it uses."""

    per: str
    """What is counted: `seconds` from claim to end, or a number in the `usage` that the step's result reports."""
    rate: int | float
    """Credits for each."""
    minimum: int | float
    """What the step costs at least, and if its usage is not reported."""
    most: int | float
    """What is held, and never exceeded."""


class StepPriceView(Schema):
    """What one step costs, and why."""

    model_config = ConfigDict(json_schema_extra={"example": STEP_EXAMPLE})

    step: int
    """The step's id in the collection."""
    name: str
    """The step's name."""
    generation: int
    """Which generation of the job it belongs to, from 0."""
    price: int | float
    """What it costs; if it is settled by usage, the most it may cost."""
    why: str = Field(description="Why, in words.")
    by: str | None
    """The form field whose value decided; null: every step of this workflow costs the same."""
    value: str | None
    """The value in the table of prices that it matched; null: none, so the default counts."""
    usage: UsageView | None
    """How it is settled by usage; null: it costs its price."""


class SettledStepView(StepPriceView):
    """What one step of a job costs or has cost."""

    used: int | float | None
    """How much it used; null if it is not settled by usage, has not been settled, or nobody reported it."""
    charged: int | float | None
    """What that came to; null if it is not settled by usage, or has not been settled."""


class JobPriceView(Schema):
    """What a job costs, as it was when it started."""

    model_config = ConfigDict(json_schema_extra={"example": PRICE_EXAMPLE})

    state: Literal["held", "captured", "released", "unpaid", "waived", "missing"]
    """Where the credits are: set aside, spent, given back, owed, not asked for; `missing`: about to be held again."""
    price: int | float
    """What was set aside: all parts together, and the most it may cost."""
    least: int | float
    """The least it may cost; as the price if no step is settled by usage."""
    charged: int | float | None
    """What it has cost; null until it has completed."""
    collection: int | float
    """What the collection itself costs, for all generations."""
    steps: list[SettledStepView]
    """What each step costs."""
