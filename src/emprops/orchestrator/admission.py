"""Which ready steps may go to the queue, and which a quota holds back.

A user (API key, collection) has at most ``running_steps`` in the queue or running. That is counted where a step becomes
ready, in PostgreSQL: so Redis, position and demand are about what may really run. A job's next steps take the places of
those that have just ended; whatever else becomes ready waits here until something of its user's has ended.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from emprops.jobs import dispatch_store, held_store
from emprops.jobs.start_store import NewStep
from emprops.kit.database import Transaction
from emprops.quotas import service as quotas
from emprops.quotas.limits import QuotaLimits, Subject, subjects_of

AT_ONCE: Final = 200
"""Steps of a user, key and collection that one transaction looks at."""


def gated(steps: Sequence[NewStep], user_id: UUID, room: int | None) -> list[NewStep]:
    """Return the steps of a new attempt, with those that are ready held back from the ``room``-th on; None: none is."""
    if room is None:
        return list(steps)
    held = {step.id for step in [step for step in steps if step.input_data is not None][room:]}
    return [replace(step, held_back_for=user_id) if step.id in held else step for step in steps]


async def admit(tx: Transaction, user_id: UUID, defaults: QuotaLimits) -> list[dispatch_store.ReadyStep]:
    """Let those of a user's steps go that were held back and for which there is room; the first of them first."""
    waiting = await held_store.steps_of(tx, user_id, limit=AT_ONCE)
    subjects: dict[UUID, list[Subject]] = {
        step.id: subjects_of(user_id, step.key_id, step.collection_id) for step in waiting
    }
    room = await quotas.room_for(tx, {subject for each in subjects.values() for subject in each}, defaults)
    chosen = []
    for step_id, each in subjects.items():
        if all(room.get(subject, 1) > 0 for subject in each):
            chosen.append(step_id)
            room.update({subject: room[subject] - 1 for subject in each if subject in room})
    return await dispatch_store.ready_steps(tx, await held_store.let_go(tx, chosen))
