"""The live connections of one process, and what runs for them: nothing while there are none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import structlog
from starlette.websockets import WebSocket

from emprops.auth.caller import Caller
from emprops.jobs.mine.follow import MyJobs
from emprops.kit.pubsub import Subscription
from emprops.kit.tasks import run_together, stop_tasks
from emprops.kit.telemetry.metrics import level
from emprops.kit.web.endpoint import Resources
from emprops.kit.web.streams import StreamLimit
from emprops.live.audience import Audience, Listener
from emprops.live.commands import Commands
from emprops.live.connection import converse
from emprops.live.fleet import FleetNews
from emprops.live.jobs import JobNews, Question
from emprops.live.messages import message
from emprops.media.result_links import result_links_from
from emprops.orchestrator.tickets import Dispatcher
from emprops.queue.fleet import Fleet
from emprops.queue.keys import MACHINE_CHANNELS, PROGRESS_CHANNELS, WORKER_CHANNELS, name_in

log = structlog.get_logger(__name__)

OPEN = level("websockets_open", "WebSockets.")

FLEET_PATIENCE = 2.0
"""Seconds that a monitor's snapshot waits for Redis."""


class Live:
    """One per api process, on ``app.state.live``. ``limit`` counts the open connections."""

    def __init__(self, resources: Resources, my_jobs: MyJobs) -> None:
        settings = resources.settings
        self.limit = StreamLimit(settings.socket_limit, settings.socket_limit_per_user)
        self._settings = settings
        self._database = resources.database
        self._my_jobs = my_jobs
        self._audience = Audience()
        self._fleet = FleetNews(Fleet(resources.redis, settings.queue_prefix), self._audience)
        self._jobs = JobNews(
            database=resources.database,
            pokes=resources.pokes,
            audience=self._audience,
            fleet=self._fleet,
            results=result_links_from(settings),
            poll=settings.stream_poll,
        )
        self._channels = Subscription(
            settings.redis_url,
            patterns=[WORKER_CHANNELS, MACHINE_CHANNELS, PROGRESS_CHANNELS],
            hear=self._hear,
            connected=self._fleet.look_at_everything,
        )
        self._connections = 0
        self._task: asyncio.Task[None] | None = None

    async def serve(
        self, websocket: WebSocket, caller: Caller, name: str, dispatcher: Dispatcher, *, is_monitor: bool
    ) -> None:
        """Accept a WebSocket and keep it until it ends. Raises :class:`~emprops.errors.UnavailableError` before that
        if there are too many."""
        listener = Listener(caller, is_monitor)
        commands = Commands(self._database, dispatcher, self._audience, self._jobs, self._my_jobs)

        async def obey(text: str) -> None:
            await commands.obey(listener, text)

        with self.limit.one(str(caller.user_id or "")), OPEN.track_inprogress():
            try:
                await websocket.accept()
            except OSError:
                return  # it left during the handshake
            async with self._running() as news:
                try:
                    await self._welcome(listener, name)
                    await converse(
                        websocket,
                        listener.outbox,
                        obey,
                        news,
                        send_timeout=self._settings.stream_send_timeout,
                        life=self._settings.stream_life,
                    )
                finally:
                    self._audience.remove(listener)
                    commands.leave_mine(listener)

    async def _welcome(self, listener: Listener, name: str) -> None:
        role = "monitor" if listener.is_monitor else "client"
        greeting = {"client_id": name, "connection_id": uuid4(), "role": role, "user_id": listener.caller.user_id}
        listener.tell(message("connection_established", greeting))
        if listener.is_monitor:
            await self._fleet.loaded(FLEET_PATIENCE)
        self._jobs.ask(Question(listener, "snapshot"))

    @asynccontextmanager
    async def _running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Keep the tasks running during the block, and yield them as one. All connections share them; if they break
        off, the next connection starts them again."""
        self._connections += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="live")
        try:
            yield self._task
        finally:
            self._connections -= 1
            if not self._connections and self._task is not None:
                task, self._task = self._task, None
                await stop_tasks([task])

    async def _work(self) -> None:
        # made here, not where the task is: one that is stopped before it began must leave no coroutine behind
        await run_together({"jobs": self._jobs.run(), "fleet": self._fleet.run(), "channels": self._channels.run()})

    def _hear(self, channel: str, payload: bytes) -> None:
        step_id = name_in(channel, PROGRESS_CHANNELS)
        if step_id is not None:
            self._jobs.hear_progress(step_id, payload)
        else:
            self._fleet.hear(channel)
