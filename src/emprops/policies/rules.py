"""Whom and what the policies of job types let through. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.connectors.fetch_api.definition import hosts_of
from emprops.errors import BadRequestError, ForbiddenError
from emprops.policies.measures import Measures

EVERYONE, AUTHORS, SERVICES = "everyone", "authors", "services"
FETCH_API = "fetch_api"
MUST_NAME = frozenset({"openai_image", "stability_api"})
"""Job types whose connector chooses a model where the payload names none."""
UNITS = {"max_pixels": "pixels", "max_count": "results", "max_seconds": "seconds"}
SHOWN_NAMES = 5


class MayNotBuildError(ForbiddenError):
    """A policy says who may build on a job type, and the owner of a workflow is not among them."""

    code = "may_not_build"


class PolicyLimitError(BadRequestError):
    """A step asks for more than the policy of its job type allows; ``details`` names the step, job type and limit."""

    code = "policy_limit"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed of a job type; of ``fetch_api`` also of one host. None: no limit."""

    job_type: str
    host: str = ""
    """Empty: for every host that has no policy of its own."""
    builders: str = EVERYONE
    authors: Collection[UUID] = ()
    floor: int = 0
    """The least that a run costs, in micro-credits."""
    models: Collection[str] | None = None
    max_pixels: int | None = None
    max_count: int | None = None
    max_seconds: float | None = None
    concurrency: int | None = None
    per_minute: int | None = None
    updated_at: datetime | None = None
    updated_by: str = ""

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        return f"{self.job_type} at {self.host}" if self.host else self.job_type

    def lets_build(self, owner: UUID | None) -> bool:
        """Return whether the owner of a workflow may build on this; None: it is a service's."""
        return owner is None or self.builders == EVERYONE or (self.builders == AUTHORS and owner in self.authors)

    def fault(self, asked: Measures) -> tuple[str, str] | None:
        """Return which limit is exceeded, and the end of the sentence that says so; None if none is."""
        if self.models is not None:
            named = ", ".join(sorted(self.models))
            strange = sorted(asked.models.difference(self.models))
            if strange:
                return "models", f"uses {_listed(strange)}; allowed for {self.name}: {named}."
            if self.job_type in MUST_NAME and not asked.models and not asked.open:
                return "models", f"names no model; name one that is allowed for {self.name}: {named}."
        for limit, asks, most in (
            ("max_pixels", asked.pixels, self.max_pixels),
            ("max_count", asked.count, self.max_count),
            ("max_seconds", asked.seconds, self.max_seconds),
        ):
            if most is not None and asks > most:
                return (
                    limit,
                    f"asks for {asks:,.15g} {UNITS[limit]}; {self.name} allows {most:,.15g} at most. Ask for less.",
                )
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """All policies. A job type without one is free for everybody."""

    by_place: Mapping[tuple[str, str], Policy] = field(default_factory=dict)
    """``(job type, host)`` → policy."""

    @classmethod
    def of(cls, policies: Iterable[Policy]) -> "Rules":
        """Make rules of policies."""
        return cls({(policy.job_type, policy.host): policy for policy in policies})

    def about(self, job_type: str, api: Any = None) -> list[Policy]:
        """Return the policies that hold for a step. ``api``: where a ``fetch_api`` step sends requests. Each of its
        hosts has a say, so that nothing is gained by calling an expensive one second."""
        hosts = sorted(hosts_of(api)) if job_type == FETCH_API else []
        found = [self.by_place.get((job_type, host)) or self.by_place.get((job_type, "")) for host in hosts or [""]]
        return list({(policy.job_type, policy.host): policy for policy in found if policy is not None}.values())

    def check_builder(self, owner: UUID | None, job_type: str, api: Any = None) -> None:
        """Raise :class:`MayNotBuildError` unless the owner of a workflow may build on what it uses."""
        for policy in self.about(job_type, api):
            if not policy.lets_build(owner):
                who = "only services may" if policy.builders == SERVICES else "its policy names who may"
                raise MayNotBuildError(
                    f"The owner of this may not build on {policy.name}: {who}; ask the operator for it, or use"
                    " another job type.",
                    extra={"details": {"job_type": policy.job_type, "host": policy.host or None}},
                )

    def check_start(self, owner: UUID | None, step: str, job_type: str, api: Any = None) -> None:
        """Raise :class:`MayNotBuildError` if a step is to be run that its owner may no longer build."""
        for policy in self.about(job_type, api):
            if not policy.lets_build(owner):
                raise MayNotBuildError(
                    f"{step} cannot be run: its owner may not, or no longer, build on {policy.name}. Use another"
                    " collection, or ask the operator to allow it.",
                    extra={"details": {"step": step, "job_type": policy.job_type, "host": policy.host or None}},
                )

    def check_limits(self, step: str, job_type: str, asked: Measures, api: Any = None) -> None:
        """Raise :class:`PolicyLimitError` if a step asks for more than is allowed."""
        for policy in self.about(job_type, api):
            fault = policy.fault(asked)
            if fault is not None:
                details = {"step": step, "job_type": job_type, "host": policy.host or None, "limit": fault[0]}
                raise PolicyLimitError(f"{step} {fault[1]}", extra={"details": details})

    def floor(self, job_type: str, api: Any = None) -> int:
        """Return the least that a run costs, in micro-credits."""
        return max((policy.floor for policy in self.about(job_type, api)), default=0)


NO_RULES = Rules()


def _listed(names: Collection[str]) -> str:
    shown = list(names)[:SHOWN_NAMES]
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(name[:100] for name in shown) + more
