"""The shapes of credit requests and replies. Amounts are JSON numbers of credits, with at most six decimals."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from emprops.credits.amounts import DECIMALS, DIGITS, to_number
from emprops.credits.queries import Entry
from emprops.credits.store import Account
from emprops.kit.web.schema import Schema

USER = "0192f3a4-0000-7000-8000-000000000001"
EXAMPLE: dict[str, Any] = {"balance": 12.5, "held": 0.25, "available": 12.25}


def not_a_switch(value: Any) -> Any:
    """Refuse true and false, which Python takes for numbers."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - only a ValueError becomes a 400
    return value


Amount = Annotated[
    Decimal, BeforeValidator(not_a_switch), Field(gt=0, max_digits=DIGITS, decimal_places=DECIMALS, examples=[100])
]


class CreditAccountView(Schema):
    """What a user has."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    balance: int | float = Field(description="All credits of the user: `available` and `held`.")
    held: int | float = Field(description="Set aside for jobs that have not ended.")
    available: int | float = Field(description="What may be spent.")


class LedgerEntryView(Schema):
    """A line of the ledger."""

    id: str
    """Rises with time."""
    kind: Literal["grant", "hold", "capture", "release", "settle", "adjust", "unpaid"]
    """What moved: granted, set aside, spent, given back, not used of what was set aside, corrected, noted as unpaid."""
    amount: int | float
    """How much was moved."""
    available: int | float = Field(description="What it did to the available credits.")
    held: int | float = Field(description="What it did to the held credits.")
    job_id: UUID | None
    """The job that it is about; null for grants and corrections."""
    reason: str
    """Why, in words."""
    created_at: datetime


class GrantBody(Schema):
    """Credits for a user."""

    model_config = ConfigDict(json_schema_extra={"example": {"user_id": USER, "amount": 100, "reason": "Welcome"}})

    user_id: UUID
    """Who gets them."""
    amount: Amount
    """How many."""
    reason: str = Field(default="", max_length=500)
    """Shown in the ledger."""


class Granted(CreditAccountView):
    """What the user has after a grant."""

    model_config = ConfigDict(json_schema_extra={"example": {"user_id": USER, "entry_id": "7", **EXAMPLE}})

    user_id: UUID
    """Who got them."""
    entry_id: str
    """The grant's line in the ledger."""


def account_json(account: Account) -> dict[str, Any]:
    """Show an account."""
    return {
        "balance": to_number(account.available + account.held),
        "held": to_number(account.held),
        "available": to_number(account.available),
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """Show a line of the ledger."""
    return {
        "id": str(entry.id),
        "kind": entry.kind,
        "amount": to_number(entry.amount),
        "available": to_number(entry.change_of("available")),
        "held": to_number(entry.change_of("held")),
        "job_id": entry.job_id,
        "reason": entry.reason,
        "created_at": entry.created_at,
    }
