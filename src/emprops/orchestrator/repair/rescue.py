"""Find what was lost on the way. Each duty is a ``run_once`` that says what it did; ``upkeep.py`` lists them."""

from uuid import uuid4

import structlog

from emprops.fleet.service import Maintenance
from emprops.jobs import dispatch_store, held_store
from emprops.kit import outbox
from emprops.orchestrator.tickets import BATCH, CLOSED, Dispatcher
from emprops.policies import queries as policies
from emprops.queue import type_limits
from emprops.queue.type_limits import TypeLimits

log = structlog.get_logger(__name__)

GRACE = 2.0
"""Seconds a fresh step gets before upkeep takes its ticket for unsent."""
WITHDRAW_DELAYS = (1.0, 2.0, *(10.0,) * 10_000)
"""Seconds after each attempt to withdraw tickets: as long as Redis may be away, but without haste."""


async def send_unsent(dispatcher: Dispatcher, *, older_than: float = GRACE) -> int:
    """Send tickets that never reached Redis: the api died after its commit, or Redis was away."""
    sent = 0
    while True:
        async with dispatcher.database.reader() as reader:
            steps = await dispatch_store.unsent_steps(reader, older_than=older_than, limit=BATCH)
        await dispatcher.send(steps)
        sent += len(steps)
        if len(steps) < BATCH:
            return sent


async def rebuild_redis(dispatcher: Dispatcher) -> int:
    """Notice that Redis came back empty (its epoch is gone) and send every open step again. Returns how many."""
    queue = dispatcher.queue
    if await queue.has_epoch():
        return 0
    async with dispatcher.database.transaction() as tx:
        lost = await dispatch_store.forget_queued(tx)
    await Maintenance(dispatcher.database, queue.redis, queue.prefix).show()
    await show_limits(dispatcher)
    # only now: dying before this line means that the next round does it all again, which is harmless
    await queue.begin_epoch(uuid4().hex)
    if lost:
        log.warning("tickets sent again", steps=lost)
        await send_unsent(dispatcher, older_than=0.0)
    return lost


async def show_limits(dispatcher: Dispatcher) -> int:
    """Show the queue what the policies of job types limit, so that a change holds within seconds. Returns 0: it is no
    news."""
    async with dispatcher.database.reader() as reader:
        found = await policies.queue_limits(reader)
    limits = {job_type: TypeLimits(*numbers) for job_type, numbers in found.items()}
    await type_limits.show_limits(dispatcher.queue.redis, dispatcher.queue.prefix, limits)
    return 0


async def withdraw_closed(dispatcher: Dispatcher) -> int:
    """Take tickets of steps that were closed from outside out of the queue. Mostly they are out already: this is for
    when Redis was away, and a worker would spend its time on something nobody wants. Returns how many jobs' it took."""

    async def withdraw(entry: outbox.Entry) -> None:
        await dispatcher.queue.cancel([(step_id, run) for step_id, run in entry.payload["steps"]], CLOSED)

    handler = outbox.Handler(withdraw, delays=WITHDRAW_DELAYS)
    return await outbox.deliver_due(dispatcher.database, {dispatch_store.WITHDRAW: handler})


async def admit_held_back(dispatcher: Dispatcher) -> int:
    """Let steps go for which their quotas have room: an operator raised one, or the end of a job was missed. Shows
    the queue how many are left. Returns how many went."""
    async with dispatcher.database.reader() as reader:
        users = await held_store.users(reader, limit=BATCH)
    went = 0
    for user_id in users:
        went += await dispatcher.admit(user_id)
    async with dispatcher.database.reader() as reader:
        await dispatcher.queue.show_held_back(await held_store.counts(reader))
    return went


async def lift_waiting(dispatcher: Dispatcher, age: float) -> int:
    """Let steps that have waited for so many seconds go before those of higher priority; 0: never. Returns how many."""
    return await dispatcher.queue.lift(age) if age else 0


async def reclaim_lapsed(dispatcher: Dispatcher) -> int:
    """Re-offer steps whose worker fell silent, and retries that are due."""
    moved = 0
    while True:
        done = await dispatcher.queue.reclaim()
        moved += done.offered + done.given_up + done.promoted
        if done.offered or done.given_up:
            log.warning("lapsed claims reclaimed", offered_again=done.offered, given_up=done.given_up)
        if done.offered + done.given_up < 100:
            return moved
