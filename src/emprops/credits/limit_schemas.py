"""The shapes of spending limits. Amounts are JSON numbers of credits."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from emprops.credits.amounts import DECIMALS, DIGITS, to_number
from emprops.credits.limit_store import Limit
from emprops.credits.schemas import EXAMPLE, USER, CreditAccountView, not_a_switch
from emprops.kit.web.schema import Schema

LIMIT_EXAMPLE: dict[str, Any] = {
    "subject": "user",
    "period": "day",
    "set_by": "operator",
    "amount": 5,
    "spent": 1.25,
    "left": 3.75,
    "resets_at": "2026-01-11T00:00:00Z",
}
LimitPeriod = Literal["day", "month"]
LimitAmount = Annotated[
    Decimal, BeforeValidator(not_a_switch), Field(ge=0, max_digits=DIGITS, decimal_places=DECIMALS, examples=[5])
]


class SpendingLimitView(Schema):
    """How much may be spent in a day or a month, and how much has been."""

    model_config = ConfigDict(json_schema_extra={"example": LIMIT_EXAMPLE})

    subject: Literal["user", "key"]
    """Whose spending it limits: the user's, or that of the API key that came with the request."""
    period: LimitPeriod
    """A day or a calendar month, in UTC."""
    set_by: Literal["operator", "user"]
    """Who set it."""
    amount: int | float
    """How much may be spent."""
    spent: int | float
    """How much was spent in this period, with all that is held now."""
    left: int | float
    """How much may still be spent."""
    resets_at: datetime
    """When the next period begins."""


class CreditsView(CreditAccountView):
    """What a user has, and how much of it may be spent."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE | {"limits": [LIMIT_EXAMPLE]}})

    limits: list[SpendingLimitView]
    """The spending limits of the user and of the API key that came with the request; none: no limit."""


class OwnLimitBody(Schema):
    """A user's limit for oneself."""

    model_config = ConfigDict(json_schema_extra={"example": {"amount": 2}})

    amount: LimitAmount | None
    """How much may be spent; null removes the limit."""


class LimitBody(Schema):
    """A limit for a user or a key."""

    model_config = ConfigDict(json_schema_extra={"example": {"user_id": USER, "period": "day", "amount": 5}})

    user_id: UUID | None = None
    """Whose spending to limit."""
    key: str | None = Field(default=None, max_length=100)
    """Or which API key's: its public part, `emp_` and 8 letters or digits, as `emprops keys list` shows it."""
    period: LimitPeriod
    """A day or a calendar month, in UTC."""
    amount: LimitAmount | None
    """How much may be spent; null removes the limit."""

    @model_validator(mode="after")
    def _one_subject(self) -> "LimitBody":
        if (self.user_id is None) == (self.key is None):
            raise ValueError("send either user_id or key")
        return self


def limit_json(limit: Limit) -> dict[str, Any]:
    """Show a limit."""
    return {
        "subject": limit.subject,
        "period": limit.period,
        "set_by": limit.set_by,
        "amount": to_number(limit.amount),
        "spent": to_number(limit.spent),
        "left": to_number(limit.left),
        "resets_at": limit.resets_at,
    }
