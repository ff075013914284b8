"""The shapes of policies. Prices are JSON numbers of credits."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from emprops.credits.amounts import DECIMALS, DIGITS, to_micros, to_number
from emprops.credits.schemas import not_a_switch
from emprops.kit.web.schema import Schema
from emprops.policies.rules import Policy

Builders = Literal["everyone", "authors", "services"]
MAX_NAMES = 1_000
EXAMPLE: dict[str, Any] = {
    "builders": "authors",
    "authors": ["0192f3a4-0000-7000-8000-000000000001"],
    "floor": 0.05,
    "models": ["gpt-image-1-mini"],
    "max_pixels": 1572864,
    "max_count": 4,
    "max_seconds": None,
    "concurrency": 8,
    "per_minute": 50,
}


Credits = Annotated[
    Decimal, BeforeValidator(not_a_switch), Field(ge=0, max_digits=DIGITS, decimal_places=DECIMALS, examples=[0.05])
]
Whole = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
Model = Annotated[str, Field(min_length=1, max_length=255)]


class PolicyBody(Schema):
    """What is allowed of a job type: the whole policy; what is left out is not limited. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    builders: Builders = "everyone"
    """Who may build workflows on it: everyone, the users in `authors`, or services only. Services always may."""
    authors: list[UUID] = Field(default_factory=list, max_length=MAX_NAMES)
    """Ids of the users who may, with `builders: authors`."""
    floor: Credits = Decimal(0)
    """The least that a run costs, in credits, whatever a workflow says."""
    models: Annotated[list[Model], Field(min_length=1, max_length=MAX_NAMES)] | None = None
    """The models that may be used, by their exact names; null: any."""
    max_pixels: Annotated[int, Field(ge=1, le=10**12, strict=True)] | None = None
    """The largest picture: width × height; null: any."""
    max_count: Whole | None = None
    """The most results that a step may ask for at once; null: any number."""
    max_seconds: Annotated[float, Field(gt=0, le=1e7, strict=True)] | None = None
    """The longest duration that a step may ask for; null: any."""
    concurrency: Whole | None = None
    """The most steps of the job type that run at once, over all workers; null: as many as workers take."""
    per_minute: Whole | None = None
    """The most steps of the job type that begin in a minute, over all workers; null: any number."""

    def policy(self, job_type: str, host: str) -> Policy:
        """Return what is stored."""
        said = self.model_dump()
        said["authors"] = list(dict.fromkeys(self.authors))
        said["models"] = None if self.models is None else list(dict.fromkeys(self.models))
        return Policy(job_type, host, **said | {"floor": to_micros(self.floor)})


class PolicyView(Schema):
    """What is allowed of a job type, or of one host of `fetch_api`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job_type": "openai_image",
                "host": None,
                **EXAMPLE,
                "updated_at": "2026-01-01T00:00:00Z",
                "updated_by": "key:emp_k3f09xq2",
            }
        }
    )

    job_type: str
    """What it is about."""
    host: str | None
    """The host that it is about; null: the job type, but for hosts that have policies of their own."""
    builders: Builders
    """Who may build workflows on it. Services always may."""
    authors: list[UUID]
    """Ids of the users who may, with `builders: authors`."""
    floor: int | float
    """The least that a run costs, in credits."""
    models: list[str] | None
    """The models that may be used; null: any."""
    max_pixels: int | None
    """The largest picture: width × height; null: any."""
    max_count: int | None
    """The most results that a step may ask for at once; null: any number."""
    max_seconds: float | None
    """The longest duration that a step may ask for; null: any."""
    concurrency: int | None
    """The most steps that run at once, over all workers; null: as many as workers take."""
    per_minute: int | None
    """The most steps that begin in a minute, over all workers; null: any number."""
    updated_at: datetime
    """When it was set."""
    updated_by: str
    """Who set it, as the audit log has it."""


def view_of(policy: Policy) -> PolicyView:
    """Show a policy."""
    return PolicyView.model_validate(asdict(policy) | {"host": policy.host or None, "floor": to_number(policy.floor)})
