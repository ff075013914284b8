"""Which worker can run which ticket. Decided here, once per pair of signature and class, never in Lua.

A *signature* is what a ticket requires: its job type, models, custom nodes and connector capabilities. A *class* is
what a worker offers. Workers with equal offers share a class, tickets with equal requirements share a signature.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from emprops.queue.messages import Requirements, Ticket


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker has for one job type. None: that kind of requirement is always met (hosted services)."""

    models: frozenset[str] | None = None
    custom_nodes: frozenset[str] | None = None
    capabilities: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Canonical form."""
        return {
            "models": None if self.models is None else sorted(self.models),
            "custom_nodes": None if self.custom_nodes is None else sorted(self.custom_nodes),
            "connector_capabilities": dict(self.capabilities),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Offer":
        """Read the canonical form."""
        models, nodes = data.get("models"), data.get("custom_nodes")
        return cls(
            models=None if models is None else frozenset(models),
            custom_nodes=None if nodes is None else frozenset(nodes),
            capabilities=tuple(sorted((data.get("connector_capabilities") or {}).items())),
        )


WorkerOffers = Mapping[str, Offer]
"""Job type -> what the worker has for it."""


def class_of(offers: WorkerOffers) -> str:
    """Name the class of a worker: a hash of its canonical offers."""
    canonical = {job_type: offers[job_type].to_json() for job_type in sorted(offers)}
    return hashlib.sha256(orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def lanes_of(offers: WorkerOffers, own: Collection[str]) -> list[WorkerOffers]:
    """Split a worker's offers into the ones it waits by: job types with slots of their own alone, all others together.

    Without such job types, these are the offers as they are.
    """
    if not own:
        return [offers]
    alone: list[WorkerOffers] = [{job_type: offers[job_type]} for job_type in own if job_type in offers]
    rest = {job_type: offer for job_type, offer in offers.items() if job_type not in own}
    return [*alone, rest] if rest else alone


@lru_cache(maxsize=4096)
def signature(job_type: str, requirements: Requirements) -> tuple[str, str]:
    """Name what a ticket requires: ``(signature, its canonical JSON)``.

    A signature that requires models begins with ``m`` and a name of these models, by which the scripts know which
    workers have them loaded; others begin with a hexadecimal digit.
    """
    canonical = orjson.dumps({"job_type": job_type, **requirements.to_json()}, option=orjson.OPT_SORT_KEYS)
    name = hashlib.sha256(canonical).hexdigest()[:16]
    if requirements.models:
        name = f"m{hashlib.sha256(orjson.dumps(sorted(requirements.models))).hexdigest()[:8]}{name}"
    return name, canonical.decode()


def ticket_signature(ticket: Ticket) -> tuple[str, str]:
    """Name what this ticket requires."""
    return signature(ticket.job_type, ticket.requirements)


def missing(requirement: Mapping[str, Any], offers: WorkerOffers) -> list[str]:
    """List what a worker lacks for a requirement (as stored with a signature); empty: it can run it."""
    job_type = requirement["job_type"]
    offer = offers.get(job_type)
    if offer is None:
        return [f"job type {job_type}"]
    lacking: list[str] = []
    if offer.models is not None:
        lacking += [f"model {name}" for name in requirement.get("models") or () if name not in offer.models]
    if offer.custom_nodes is not None:
        lacking += [
            f"custom node {name}" for name in requirement.get("custom_nodes") or () if name not in offer.custom_nodes
        ]
    have = dict(offer.capabilities)
    for name, value in (requirement.get("connector_capabilities") or {}).items():
        if have.get(name) != value:
            lacking.append(f"connector capability {name}={value}")
    return lacking


def order_score(priority: int, created_ms: int) -> str:
    """Queue order as a sorted-set score: priority first, then the job's age; exact in a double. Lowest runs first.

    Ties sort by step id, which is time-ordered (first in, first out).
    """
    return str((100 - priority) * 10**13 + created_ms)
