"""What a start needs in addition to its collection: the workflows that this names, the quotas that apply, the policies.

Only the collection says which they are, so they would cost a round trip of their own. But a collection mostly names
what it named before, and that is read together with it.
"""

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from emprops.collections import instructions
from emprops.collections.store import Collection
from emprops.kit.database import Transaction
from emprops.kit.recent import Recent
from emprops.orchestrator.start.request import Ask, Chosen
from emprops.policies import queries as policies
from emprops.policies.rules import Rules
from emprops.quotas import store as quotas
from emprops.quotas.limits import Subject, subjects_of
from emprops.quotas.store import Quota
from emprops.workflows import store as workflows
from emprops.workflows.store import Workflow

MOST: Final = 1000
"""Collections of which a process remembers what they named; the one that was not used for longest goes."""
LONGEST: Final = 10_000
"""Characters of names that are worth remembering: nobody has looked at the collection yet."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What is to be known."""

    names: frozenset[str] = frozenset()
    """Of workflows."""
    subjects: frozenset[Subject] = frozenset()
    """Who or what may have quotas."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known."""

    rules: Rules
    asked: Needs
    workflows: Mapping[str, Workflow]
    """By name; those that do not exist are missing."""
    quotas: Mapping[Subject, Quota]
    """Those that an operator set."""

    @classmethod
    def of(cls, needs: Needs, found: Sequence[Any]) -> "Known":
        """Return what :func:`look_ups` have found."""
        rules, named, own = found
        return cls(rules, needs, named, own)

    def lacks(self, needs: Needs) -> Needs:
        """Return what was not asked for."""
        return Needs(needs.names - self.asked.names, needs.subjects - self.asked.subjects)

    def plus(self, more: "Known") -> "Known":
        """Return both."""
        asked = Needs(self.asked.names | more.asked.names, self.asked.subjects | more.asked.subjects)
        return Known(more.rules, asked, {**self.workflows, **more.workflows}, {**self.quotas, **more.quotas})


def look_ups(tx: Transaction, needs: Needs) -> list[Coroutine[Any, Any, Any]]:
    """Return what reads all of this, to be run together."""
    return [policies.rules(tx), workflows.by_names(tx, needs.names), quotas.set_for(tx, needs.subjects)]


async def add_missing(tx: Transaction, known: Known, needs: Needs) -> Known:
    """Read what is lacking."""
    lacking = known.lacks(needs)
    return known.plus(await look_up(tx, lacking)) if lacking.names or lacking.subjects else known


async def look_up(tx: Transaction, needs: Needs) -> Known:
    """Read all of this."""
    return Known.of(needs, await tx.together(*look_ups(tx, needs)))


_named: Recent[str, tuple[UUID, frozenset[str]]] = Recent(MOST)
"""By what a collection is called in a request: its id, and the workflows that it named last."""


def likely_needs(asks: Iterable[Ask]) -> Needs:
    """Return what these starts will probably need."""
    names: set[str] = set()
    subjects: set[Subject] = set()
    for ask in asks:
        collection_id, named = _named.get(ask.collection_ref, (None, frozenset[str]()))
        names |= named
        subjects.update(subjects_of(ask.user_id, ask.request.key_id, collection_id))
    return Needs(frozenset(names), frozenset(subjects))


def needs_of(jobs: Iterable[Chosen]) -> Needs:
    """Return what these jobs need."""
    names = (name for job in jobs for name in instructions.workflow_names(job.collection.data))
    return Needs(frozenset(names), frozenset(subject for job in jobs for subject in subjects_of_job(job)))


def remember(ref: str, collection: Collection) -> None:
    """Note what a collection names, for :func:`likely_needs`."""
    names = frozenset(instructions.workflow_names(collection.data))
    if sum(map(len, names)) <= LONGEST:
        _named[ref] = collection.id, names


def subjects_of_job(job: Chosen) -> Sequence[Subject]:
    """Return whom a job counts for."""
    return subjects_of(job.user_id, job.request.key_id, job.collection.id)
