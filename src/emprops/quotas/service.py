"""Whether a job may start, and how many of its steps may go to the queue at once."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from emprops.audit import service as audit
from emprops.audit.actions import Action
from emprops.errors import BadRequestError, QuotaExceededError, WeightNotForUserError
from emprops.kit.database import Transaction
from emprops.quotas import store
from emprops.quotas.limits import NO_LIMITS, QUOTAS, QuotaLimits, Subject, effective

TRY_AGAIN: Final = 10
"""Seconds after which a caller may ask again when nobody knows when there will be room."""
OWNERS: Final = {"user": "You", "key": "This API key", "collection": "This collection"}
WHEN_ENDED: Final = "try again when one of the jobs has ended"


@dataclass(frozen=True, slots=True)
class Need:
    """What a start takes."""

    jobs: int = 0
    steps: int = 0
    generations: int = 0

    def plus(self, other: "Need") -> "Need":
        """Return what two starts take together."""
        return Need(self.jobs + other.jobs, self.steps + other.steps, self.generations + other.generations)


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of one quota is used; ``limit`` None: it has none."""

    quota: str
    limit: int | None
    used: int
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    """What a start got."""

    room: int | None
    """How many more steps may go to the queue now; None: any number."""
    weight: int
    """How many of the user's steps are taken in one turn."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a start takes, and for whom that counts."""

    subjects: Sequence[Subject]
    need: Need


async def reserve(
    tx: Transaction, claims: Sequence[Claim], own: Mapping[Subject, store.Quota], defaults: QuotaLimits
) -> list[Reserved]:
    """Count what is about to start together; ``own`` is what was set for those who are in the claims.

    Until the transaction ends, nothing else starts for those of these subjects that have limits. Raises
    :class:`~emprops.errors.QuotaExceededError` if not all of it may start, which ends the transaction and so takes the
    count back.
    """
    needs: dict[Subject, Need] = {}
    for claim in claims:
        for subject in claim.subjects:
            needs[subject] = needs.get(subject, Need()).plus(claim.need)
    limited = effective(needs, _limits(own), defaults)
    rooms: dict[Subject, int] = {}
    if limited:
        started = await store.count_started(tx, {subject: needs[subject].generations for subject in limited})
        for subject, limits in limited.items():
            room = await _room(tx, subject, limits, started[subject], needs[subject])
            if room is not None:
                rooms[subject] = room
    return [Reserved(_taken(rooms, claim), _weight(own, claim.subjects)) for claim in claims]


async def _room(
    tx: Transaction, subject: Subject, limits: QuotaLimits, started: store.Started, need: Need
) -> int | None:
    """Return how many more steps of a subject may go to the queue; None: any number."""
    _check_started(subject, limits, started, need)
    if limits.stored_bytes and need.jobs:
        await _check_bytes(tx, subject, limits.stored_bytes)
    if not (limits.open_jobs or limits.open_steps or limits.running_steps):
        return None
    present = await store.open_of(tx, subject)
    _check_open(subject, limits, present, need)
    return max(0, limits.running_steps - present.queued) if limits.running_steps else None


def _taken(rooms: dict[Subject, int], claim: Claim) -> int | None:
    """Take what room is left for a claim's steps; returns how much that is."""
    limiting = [subject for subject in claim.subjects if subject in rooms]
    room = min((rooms[subject] for subject in limiting), default=None)
    if room is not None:
        for subject in limiting:
            rooms[subject] -= min(room, claim.need.steps)
    return room


def _weight(own: Mapping[Subject, store.Quota], subjects: Sequence[Subject]) -> int:
    return next((own[subject].weight or 1 for subject in subjects if subject in own and own[subject].weight), 1)


async def room_for(tx: Transaction, subjects: Collection[Subject], defaults: QuotaLimits) -> dict[Subject, int]:
    """Return how many more steps of each subject may go to the queue; those without a limit are missing. Until the
    transaction ends, nothing else starts for the others."""
    limited = {
        subject: limits.running_steps
        for subject, limits in effective(subjects, _limits(await store.set_for(tx, subjects)), defaults).items()
        if limits.running_steps
    }
    await store.count_started(tx, dict.fromkeys(limited, 0))
    return {subject: max(0, most - (await store.open_of(tx, subject)).queued) for subject, most in limited.items()}


async def check_room(tx: Transaction, user_id: UUID, defaults: QuotaLimits, size: int) -> None:
    """Raise :class:`~emprops.errors.QuotaExceededError` if a user may not store so many bytes more. Until the
    transaction ends, nothing else is checked or started for a user with a limit."""
    subject = Subject("user", user_id)
    limits = effective([subject], _limits(await store.set_for(tx, [subject])), defaults).get(subject, NO_LIMITS)
    if not limits.stored_bytes:
        return
    await store.count_started(tx, {subject: 0})
    used = await store.bytes_of(tx, subject)
    if used + size > limits.stored_bytes:
        what = (
            f"may store {_size(limits.stored_bytes)}, and has {_size(used)}, so this file of {_size(size)} has no room;"
            " delete assets or outputs, or ask the operator for more."
        )
        raise _exceeded(subject, Standing("stored_bytes", limits.stored_bytes, used), what)


def _limits(own: Mapping[Subject, store.Quota]) -> dict[Subject, QuotaLimits]:
    return {subject: quota.limits for subject, quota in own.items()}


async def set_quota(
    tx: Transaction,
    subject: Subject,
    limits: QuotaLimits,
    weight: int | None,
    result_days: float | None = None,
    *,
    by: str,
) -> None:
    """Set all limits of a subject, the weight of a user, and for how many days results are kept.

    ``by``: the actor, as the audit log has it. Raises :class:`~emprops.errors.WeightNotForUserError`, and
    :class:`BadRequestError` for days of an API key.
    """
    if result_days is not None and subject.kind == "key":
        raise BadRequestError("Results are kept by user and collection; leave `result_days` out for an API key.")
    if weight is not None and subject.kind != "user":
        raise WeightNotForUserError(subject.kind)
    await store.put(tx, subject, limits, weight, result_days, by=by)
    target = f"{subject.kind}:{subject.id}"
    told = asdict(limits) | {"weight": weight, "result_days": result_days}
    await audit.record(tx, by, Action.QUOTA_CHANGED, target, told, user_id=_user(subject))


async def reset_limits(tx: Transaction, subject: Subject, *, by: str) -> bool:
    """Forget what was set for a subject. False if nothing was."""
    if not await store.remove(tx, subject):
        return False
    await audit.record(tx, by, Action.QUOTA_REMOVED, f"{subject.kind}:{subject.id}", user_id=_user(subject))
    return True


def _user(subject: Subject) -> UUID | None:
    return subject.id if subject.kind == "user" else None


async def standings(reader: Transaction, subject: Subject, defaults: QuotaLimits) -> list[Standing]:
    """Return how a subject stands with each quota."""
    own = _limits(await store.set_for(reader, [subject]))
    limits = effective([subject], own, defaults).get(subject, NO_LIMITS)
    present, started = await store.open_of(reader, subject), await store.started_by(reader, subject)
    used: Mapping[str, int] = {
        "open_jobs": present.jobs,
        "open_steps": present.steps,
        "running_steps": present.queued,
        "hourly_generations": started.hourly,
        "daily_generations": started.daily,
        "stored_bytes": await store.bytes_of(reader, subject),
    }
    resets = {"hourly_generations": started.next_hour, "daily_generations": started.next_day}
    return [Standing(name, getattr(limits, name) or None, used[name], resets.get(name)) for name in QUOTAS]


async def weight_of(reader: Transaction, subject: Subject) -> int | None:
    """Return how many of a user's steps are taken in one turn; None for API keys and collections."""
    if subject.kind != "user":
        return None
    own = (await store.set_for(reader, [subject])).get(subject)
    return (own and own.weight) or 1


async def result_days_of(reader: Transaction, subject: Subject) -> float | None:
    """Return for how many days results are kept, as an operator said of a user or a collection; None: nobody did."""
    own = (await store.set_for(reader, [subject])).get(subject)
    return None if own is None else own.result_days


def _check_started(subject: Subject, limits: QuotaLimits, started: store.Started, need: Need) -> None:
    for name, limit, used, resets_at, span in (
        ("hourly_generations", limits.hourly_generations, started.hourly, started.next_hour, "an hour"),
        ("daily_generations", limits.daily_generations, started.daily, started.next_day, "a day"),
    ):
        if limit and used > limit:
            raise _exceeded(
                subject,
                Standing(name, limit, used - need.generations, resets_at),
                f"may start {limit:,} generations {span}; the next {span.split()[1]} begins at {resets_at:%H:%M} UTC.",
            )


def _check_open(subject: Subject, limits: QuotaLimits, present: store.Open, need: Need) -> None:
    for name, limit, used, more, noun in (
        ("open_jobs", limits.open_jobs, present.jobs, need.jobs, "jobs"),
        ("open_steps", limits.open_steps, present.steps, need.steps, "steps"),
    ):
        if not limit or not more or used + more <= limit:
            continue
        if more > limit:
            what = f"may have {limit:,} open {noun}, and this needs {more:,}; ask for fewer generations at once."
        else:
            what = f"may have {limit:,} open {noun}, and has {used:,}; {WHEN_ENDED}."
        raise _exceeded(subject, Standing(name, limit, used), what)


async def _check_bytes(tx: Transaction, subject: Subject, limit: int) -> None:
    used = await store.bytes_of(tx, subject)
    if used >= limit:
        what = f"may store {_size(limit)}, and has {_size(used)}; delete outputs, or ask the operator for more."
        raise _exceeded(subject, Standing("stored_bytes", limit, used), what)


def _exceeded(subject: Subject, standing: Standing, what: str) -> QuotaExceededError:
    resets_at = standing.resets_at
    wait = TRY_AGAIN if resets_at is None else max(1, math.ceil((resets_at - datetime.now(UTC)).total_seconds()))
    text = what.replace(", and has ", ", and have ") if subject.kind == "user" else what
    details = {
        "quota": standing.quota,
        "of": subject.kind,
        "limit": standing.limit,
        "used": standing.used,
        "resets_at": resets_at and resets_at.isoformat().replace("+00:00", "Z"),
    }
    return QuotaExceededError(f"{OWNERS[subject.kind]} {text}", details=details, wait=wait)


def _size(size: int) -> str:
    for unit, bytes_ in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size >= bytes_:
            return f"{size / bytes_:,.1f} {unit}"
    return f"{size} bytes"
