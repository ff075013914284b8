"""Deliveries leave from here: any number of processes side by side, each endpoint at its own pace.

A delivery is taken with a lease, sent while no transaction is open, and what came of it is noted afterwards: a process
that dies in between has it sent twice, with the same id, and never loses it. A slow receiver holds some of this
process's slots, at most :data:`WIDTH`, and nothing else.
"""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from emprops.kit.database import Database
from emprops.kit.outbound.client import GuardedClient, OutboundError, OutboundUnavailableError
from emprops.kit.outbound.retry_after import retry_after
from emprops.kit.tasks import stop_tasks
from emprops.media.result_links import ResultLinks
from emprops.webhooks import delivery_store, store
from emprops.webhooks.delivery_store import Delivery
from emprops.webhooks.events import body_of, headers_of
from emprops.webhooks.outcome import Answer, next_delay, pause_after, reason_to_disable
from emprops.webhooks.secrets import SealedError, SecretBox
from emprops.webhooks.service import disable

log = structlog.get_logger(__name__)

TIMEOUT = 15.0
"""Longest attempt, in seconds."""
LEASE = 45.0
"""After this many seconds without a result a delivery may be taken again."""
SLOTS = 40
"""Attempts at a time in one process."""
WIDTH = 4
"""Attempts at a time to one endpoint, over all processes."""
LOOK_EVERY = 0.5
"""Seconds between looks at what has become due."""
KEEP = 4096
"""Bytes of an answer that are kept for the log."""
KEEP_DAYS = 30
PURGE_BATCH = 1_000


class Deliverer:
    """Sends what is due; one per process."""

    def __init__(
        self,
        database: Database,
        box: SecretBox,
        client: GuardedClient,
        results: ResultLinks,
        *,
        slots: int = SLOTS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._box = box
        self._client = client
        self._results = results
        self._slots = slots
        self._chance = chance
        self._running: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled. What is on its way then is sent again by somebody after its lease."""
        try:
            while True:
                try:
                    await self.start_due()
                except Exception as error:  # an outage must not end deliveries
                    log.warning("webhooks postponed", error=f"{type(error).__name__}: {error}")
                    await asyncio.sleep(LOOK_EVERY)
                await self._wait()
        finally:
            await stop_tasks(self._running)
            await self._client.close()

    async def deliver_due(self) -> int:
        """Send what is due until nothing is, and wait for the end of it. Returns how many attempts were made."""
        attempts = 0
        while started := await self.start_due():
            attempts += started
            await self.finish()
        return attempts

    async def start_due(self) -> int:
        """Begin to send what is due, as far as there are free slots. Returns how many."""
        self._freed.clear()
        free = self._slots - len(self._running)
        if free <= 0:
            return 0
        async with self._database.transaction() as tx:
            taken = await delivery_store.take_due(tx, limit=free, width=WIDTH, lease=LEASE)
        for delivery in taken:
            task = asyncio.create_task(self._deliver(delivery), name=f"webhook {delivery.event_id}")
            self._running.add(task)
            task.add_done_callback(self._ended)
        return len(taken)

    async def finish(self) -> None:
        """Wait for what is being sent."""
        if self._running:
            await asyncio.wait(set(self._running))

    async def _wait(self) -> None:
        """Wait until there is something to look for: a slot is free again, or some time has passed."""
        try:
            async with asyncio.timeout(LOOK_EVERY):
                await self._freed.wait()
        except TimeoutError:
            return

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._freed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("webhook result not noted", error=str(error))

    async def _deliver(self, delivery: Delivery) -> None:
        answer = await self._send(delivery)
        if answer.taken:
            await self._note_success(delivery, answer)
        else:
            await self._note_failure(delivery, answer)

    async def _send(self, delivery: Delivery) -> Answer:
        body = body_of(delivery.event, delivery.endpoint_id, self._results)
        begun = time.monotonic()
        try:
            secrets = [self._box.unseal(one) for one in (delivery.secret, *delivery.old_secrets)]
            headers = headers_of(delivery.event, delivery.endpoint_id, body, secrets, datetime.now(UTC))
            response = await self._client.post(delivery.url, headers=headers, content=body, keep=KEEP, timeout=TIMEOUT)
        except (OutboundError, OutboundUnavailableError, SealedError) as error:
            return Answer(None, error=str(error), duration=time.monotonic() - begun)
        return Answer(
            response.status,
            body=response.body.decode("utf-8", "replace").replace("\x00", ""),
            retry_after=retry_after(response.headers.get("retry-after")),
            duration=time.monotonic() - begun,
        )

    async def _note_success(self, delivery: Delivery, answer: Answer) -> None:
        async with self._database.transaction() as tx:
            # before the delivery, as a replay does
            await store.lock_health(tx, delivery.endpoint_id)
            ended = await delivery_store.mark_delivered(tx, delivery)
            await delivery_store.add_attempt(tx, delivery, answer)
            if ended:
                await store.succeeded(tx, delivery.endpoint_id)

    async def _note_failure(self, delivery: Delivery, answer: Answer) -> None:
        again_in = next_delay(answer, delivery.tries, self._chance())
        async with self._database.transaction() as tx:
            # before the delivery, as a replay does
            health = await store.lock_health(tx, delivery.endpoint_id)
            ours = await delivery_store.mark_failed(tx, delivery, again_in)
            await delivery_store.add_attempt(tx, delivery, answer)
            if health is None or not ours:
                return
            failures = health.failures + 1
            pause = pause_after(failures, answer)
            await store.failed(tx, delivery.endpoint_id, gave_up=again_in is None, pause=pause)
            reason = reason_to_disable(answer, failures, health.failing_for)
            if reason is not None:
                await disable(tx, delivery.endpoint_id, health, reason)
        log.info(
            "webhook not taken",
            endpoint=str(delivery.endpoint_id),
            event_id=str(delivery.event_id),
            attempt=delivery.attempts,
            error=answer.failure,
            tries_again_in=again_in,
        )


async def purge(database: Database, *, days: int = KEEP_DAYS) -> int:
    """Forget old events, and the deliveries of endpoints that were deleted; an upkeep duty. Returns how much."""
    purged = 0
    while True:
        async with database.reader() as writer:
            old = await delivery_store.purge_events(writer, days=days, limit=PURGE_BATCH)
            orphans = await delivery_store.purge_orphans(writer, limit=PURGE_BATCH)
        purged += old + orphans
        if max(old, orphans) < PURGE_BATCH:
            return purged
