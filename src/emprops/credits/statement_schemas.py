"""The shapes of statements, for the OpenAPI document; the replies themselves are written in pieces."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from emprops.credits.schemas import USER, CreditAccountView, LedgerEntryView
from emprops.kit.web.schema import Schema

ENTRY_EXAMPLE: dict[str, Any] = {
    "id": "7",
    "kind": "grant",
    "amount": 10,
    "available": 10,
    "held": 0,
    "job_id": None,
    "reason": "Welcome",
    "created_at": "2026-01-10T12:00:00.123456Z",
}
TOTAL_EXAMPLE: dict[str, Any] = {"kind": "grant", "count": 1, "amount": 10, "available": 10, "held": 0}
STATEMENT_EXAMPLE: dict[str, Any] = {
    "user_id": USER,
    "month": "2026-01",
    "complete": True,
    "opening": {"balance": 2.5, "held": 0, "available": 2.5},
    "entries": [ENTRY_EXAMPLE],
    "totals": [TOTAL_EXAMPLE],
    "closing": {"balance": 12.5, "held": 0, "available": 12.5},
}
CSV_EXAMPLE = (
    "time,id,kind,amount,available,held,job_id,reason\r\n"
    "2026-01-01T00:00:00Z,,opening,,2.5,0,,\r\n"
    "2026-01-10T12:00:00.123456Z,7,grant,10,12.5,0,,Welcome\r\n"
    ",,total grant,10,,,,entries: 1\r\n"
    ",,closing,,12.5,0,,\r\n"
)


class KindTotalView(Schema):
    """What all entries of a kind did together."""

    kind: str
    """The kind of the entries."""
    count: int
    """How many there are."""
    amount: int | float
    """The sum of their amounts."""
    available: int | float = Field(description="What they did to the available credits.")
    held: int | float = Field(description="What they did to the held credits.")


class StatementView(Schema):
    """A month of a user's account: `opening` and all `totals` together are `closing`."""

    model_config = ConfigDict(json_schema_extra={"example": STATEMENT_EXAMPLE})

    user_id: UUID
    """Whose account it is."""
    month: str
    """The month, in UTC."""
    complete: bool
    """False: the month was not over, and more may come."""
    opening: CreditAccountView
    """What there was when the month began."""
    entries: list[LedgerEntryView]
    """What happened, oldest first."""
    totals: list[KindTotalView]
    """What the entries of each kind did."""
    closing: CreditAccountView
    """What there was after the last entry."""
