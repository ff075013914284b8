"""The shapes of what operators see."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from emprops.auth.schemas import RoleGrantView
from emprops.credits.schemas import CreditAccountView
from emprops.jobs.forensics_schemas import FORENSIC_EXAMPLE, ForensicJob
from emprops.kit.web.schema import Schema
from emprops.outputs.schemas import OutputView

USER = "0192f3a4-0000-7000-8000-000000000001"


class OperatorJobView(ForensicJob):
    """Somebody's job, with all that is known of it."""

    model_config = ConfigDict(json_schema_extra={"example": {**FORENSIC_EXAMPLE, "user_id": USER}})

    user_id: UUID
    """Whose it is."""


class OperatorOutputView(OutputView):
    """Somebody's output."""

    user_id: UUID
    """Whose it is."""


class UserSummary(Schema):
    """A user, as an operator sees them."""

    user_id: UUID
    """The user's id."""
    created_at: datetime
    """When they were first seen."""
    roles: list[RoleGrantView]
    """What they were granted. Roles that come with their tokens are not known here."""
    credits: CreditAccountView
    """What they have."""
    open_jobs: int
    """Jobs that have not ended."""
    jobs_today: int
    """Jobs that were started within 24 hours."""


AUDIT_EXAMPLE: dict[str, Any] = {
    "id": "2041",
    "position": 2040,
    "at": "2026-01-10T12:00:00.000000Z",
    "actor": "user:0192f3a4-0000-7000-8000-000000000009",
    "action": "credits.granted",
    "target": "user:0192f3a4-0000-7000-8000-000000000001",
    "user_id": USER,
    "details": {"amount": 100, "ledger_entry": "17"},
    "request_id": "0192f3a4-0000-7000-8000-000000000077",
    "hash": "9f0e…",
}


class AuditEntryView(Schema):
    """Who did what to whom."""

    model_config = ConfigDict(json_schema_extra={"example": AUDIT_EXAMPLE})

    id: str
    """Rises with time; ids may be missing."""
    position: int | None
    """Its place in the chain; null for the first second or so."""
    at: datetime
    """When it was done."""
    actor: str
    """`user:<id>`, `key:emp_<prefix>`, the same with ` as user:<id>`, `cli:<login>`, or `emprops` for what happens by
    itself."""
    action: str = Field(examples=["credits.granted"])
    """What was done."""
    target: str
    """What it was done to, by kind and id; empty for the installation."""
    user_id: UUID | None
    """Whom it concerns; null for nobody in particular."""
    details: dict[str, Any]
    """What else tells it apart."""
    request_id: str | None
    """The request that did it, as in the logs; null for commands."""
    hash: str | None
    """Its hash in the chain, in hexadecimal; null before it joins."""
