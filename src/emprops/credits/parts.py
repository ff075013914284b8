"""The parts of a job's price: as they are stored with the job, settled when it completes, and shown. Pure.

Stored are the collection's own part and each step's, in micro-credits, as they were when the job started: retries keep
them. Once the job has completed, a step that is settled by usage has ``used`` and ``charged`` too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from emprops.credits.amounts import MICROS, plain, to_number, to_text
from emprops.credits.prices import Cost, StepPrice
from emprops.credits.usage import Usage

SHOWN_STEPS = 5
"""How many steps an entry of the ledger names; the job has them all."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What the installation knows of how a step ran."""

    data: Mapping[str, Any]
    """Its result, as the worker reported it."""
    seconds: float | None
    """From claim to end, by the queue's clock."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a completed job costs, now that its usage is known."""

    charge: int
    """In micro-credits."""
    reason: str
    """What was used at which rates, for the ledger."""
    stored: dict[str, Any]
    """The job's price with what it came to."""
    missing: int
    """Steps whose usage is not known."""


def to_stored(own: int, steps: Sequence[StepPrice], *, enforced: bool) -> dict[str, Any] | None:
    """Return what is stored with a job; None for a free one. ``enforced``: whether its price is held."""
    price = own + sum(step.price for step in steps)
    if price == 0:
        return None
    stored = {
        "price": price,
        "least": own + sum(step.cost.least for step in steps),
        "collection": own,
        "steps": stored_steps(steps),
    }
    by_usage = {"by_usage": True} if any(step.cost.usage for step in steps) else {}
    return stored | by_usage | ({} if enforced else {"waived": True})


def stored_steps(steps: Sequence[StepPrice]) -> list[dict[str, Any]]:
    """Return the parts of steps as they are stored."""
    return [_stored(step) for step in steps]


def _stored(step: StepPrice) -> dict[str, Any]:
    cost = step.cost
    usage = cost.usage and {
        "per": cost.usage.per,
        "rate": plain(cost.usage.rate),
        "minimum": cost.usage.minimum,
        "most": cost.usage.most,
    }
    known = {"order": step.order, "by": cost.by, "value": cost.value, "usage": usage, "floored": cost.floored or None}
    return {
        "step": step.key,
        "generation": step.generation,
        "name": step.name,
        "price": cost.price,
        **{name: value for name, value in known.items() if value is not None},
    }


def cost_of(stored: Mapping[str, Any]) -> Cost:
    """Read what a stored part of a price says about its step."""
    usage = stored.get("usage")
    return Cost(
        stored["price"],
        usage and Usage(usage["per"], Decimal(usage["rate"]), usage["minimum"], usage["most"]),
        stored.get("by"),
        stored.get("value"),
        stored.get("floored", False),
    )


def settle(stored: Mapping[str, Any], ran: Mapping[int, Ran]) -> Settlement:
    """Settle a job's price to what its steps used; ``ran`` has the completed ones by their place in the job.

    A step whose usage is not known costs its minimum.
    """
    steps, lines, missing = [], [], 0
    for part in stored["steps"]:
        usage = cost_of(part).usage
        if usage is None:
            steps.append(part)
            continue
        run = ran.get(part.get("order") or 0)
        used = usage.used_of(run.data, run.seconds) if run else None
        charged = usage.charge(used)
        missing += used is None
        lines.append(_line(part["name"], usage, used, charged))
        known = {} if used is None else {"used": plain(used)}
        steps.append({**part, "charged": charged, **known})
    more = [f"and {len(lines) - SHOWN_STEPS} more steps"] if len(lines) > SHOWN_STEPS else []
    charge = stored["collection"] + sum(part.get("charged", part["price"]) for part in steps)
    return Settlement(charge, "; ".join(lines[:SHOWN_STEPS] + more), {**stored, "steps": steps}, missing)


def _line(name: str, usage: Usage, used: Decimal | None, charged: int) -> str:
    cost = to_text(charged)
    if used is None:
        return f"{name}: {usage.per} not reported, so the minimum of {cost}"
    told = f"{name}: {plain(used)} {usage.per} at {plain(usage.rate)}"
    exact = used * usage.rate * MICROS
    if exact < usage.minimum:
        return f"{told}, so the minimum of {cost}"
    return f"{told}, so the most, {cost}" if exact > usage.most else f"{told} = {cost}"


def step_json(part: Mapping[str, Any]) -> dict[str, Any]:
    """Show a part of a price, and why it is what it is."""
    cost = cost_of(part)
    usage = cost.usage and {
        "per": cost.usage.per,
        "rate": float(cost.usage.rate),
        "minimum": to_number(cost.usage.minimum),
        "most": to_number(cost.usage.most),
    }
    return {
        "step": part["step"],
        "name": part["name"],
        "generation": part["generation"],
        "price": to_number(cost.price),
        "why": why(cost),
        "by": cost.by,
        "value": cost.value,
        "usage": usage,
    }


def why(cost: Cost) -> str:
    """Return in words why a step costs what it does."""
    reason = _reason(cost)
    return f"{reason}, raised to the least for its job type" if cost.floored else reason


def _reason(cost: Cost) -> str:
    row = "" if cost.by is None else f"{cost.by} is {cost.value}" if cost.value else f"the default for {cost.by}"
    if cost.usage is None:
        return row or ("flat" if cost.price else "free")
    usage = cost.usage
    least = f"at least {to_text(usage.minimum)} and " if usage.minimum else ""
    rate = f"{usage.per} at {plain(usage.rate)} each, {least}at most {to_text(usage.most)}"
    return f"{row}: {rate}" if row else rate


def price_json(stored: Mapping[str, Any], state: str | None, charged: int | None) -> dict[str, Any]:
    """Show a job's price. ``state`` is that of its hold, None if nothing is held; ``charged`` what was taken."""
    return {
        "state": state or ("waived" if stored.get("waived") else "missing"),
        "price": to_number(stored["price"]),
        "least": to_number(stored["least"]),
        "charged": None if charged is None else to_number(charged),
        "collection": to_number(stored["collection"]),
        "steps": [step_json(part) | _settled(part) for part in stored["steps"]],
    }


def _settled(part: Mapping[str, Any]) -> dict[str, Any]:
    used, charged = part.get("used"), part.get("charged")
    return {
        "used": None if used is None else float(used),
        "charged": None if charged is None else to_number(charged),
    }
