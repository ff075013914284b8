"""What is limited, and for whom. Pure.

A user has the limits of the settings unless an operator set others; an API key and a collection have those that an
operator set. A job counts for its user, for the key that started it and for its collection, and has to fit all three.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final, Literal, NamedTuple
from uuid import UUID

from emprops.settings import Settings

MAX_WEIGHT: Final = 100
"""The most of a user's steps that are taken in one turn."""
Kind = Literal["user", "key", "collection"]


class Subject(NamedTuple):
    """Who or what is limited."""

    kind: Kind
    id: UUID


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """The most of each; 0: no limit, None: not set."""

    open_jobs: int | None = None
    """Jobs that have not ended."""
    open_steps: int | None = None
    """Steps of those jobs that have not ended."""
    running_steps: int | None = None
    """Steps that are in the queue or run; further ones are held back until one of them has ended."""
    hourly_generations: int | None = None
    """Generations started in one hour of the clock (UTC)."""
    daily_generations: int | None = None
    """Generations started in one day (UTC)."""
    stored_bytes: int | None = None
    """Size of all stored files."""

    def over(self, default: "QuotaLimits") -> "QuotaLimits":
        """Return these limits, with the default's where nothing is set."""
        return QuotaLimits(**{name: getattr(default if getattr(self, name) is None else self, name) for name in QUOTAS})

    def as_set(self) -> dict[str, int]:
        """Return those that limit something, by name."""
        return {name: value for name in QUOTAS if (value := getattr(self, name))}


NO_LIMITS = QuotaLimits()
QUOTAS = tuple(field.name for field in fields(QuotaLimits))


def defaults_from(settings: Settings) -> QuotaLimits:
    """Return the limits of a user for whom an operator set no others."""
    production = settings.mode == "production"
    return QuotaLimits(
        open_jobs=_chosen(settings.quota_open_jobs, 200, production),
        open_steps=_chosen(settings.quota_open_steps, 2_000, production),
        running_steps=_chosen(settings.quota_running_steps, 32, production),
        hourly_generations=_chosen(settings.quota_hourly_generations, 500, production),
        daily_generations=_chosen(settings.quota_daily_generations, 5_000, production),
        stored_bytes=_chosen(settings.quota_stored_bytes, 50 * 1024**3, production),
    )


def _chosen(value: int | None, default: int, production: bool) -> int:
    return value if value is not None else default if production else 0


def subjects_of(user_id: UUID, key_id: UUID | None, collection_id: UUID | None) -> list[Subject]:
    """Return whom a job counts for."""
    subjects = [Subject("user", user_id)]
    if key_id is not None:
        subjects.append(Subject("key", key_id))
    if collection_id is not None:
        subjects.append(Subject("collection", collection_id))
    return subjects


def effective(
    subjects: Iterable[Subject], own: dict[Subject, QuotaLimits], defaults: QuotaLimits
) -> dict[Subject, QuotaLimits]:
    """Return what holds for each subject that is limited at all."""
    found = {}
    for subject in subjects:
        usual = defaults if subject.kind == "user" else NO_LIMITS
        limits = own[subject].over(usual) if subject in own else usual
        if limits.as_set():
            found[subject] = limits
    return found
