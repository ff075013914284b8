"""Eight workers of one slot each, in simulated time, and whom they serve: by the real queue, or first in, first out."""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from redis.asyncio import Redis

from bench.day.clock import MIDNIGHT, Clock, ClockScripts, simulated
from bench.day.load import MODELS, Job, Model
from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.matching import Offer, WorkerOffers, class_of
from emprops.queue.messages import Claim, Finished, Requirements, Ticket, WorkflowContext
from emprops.queue.scripts import Argument
from emprops.queue.transport import Settled
from emprops.queue.worker_link import WorkerLink
from emprops.settings import Settings

WORKERS = 8
OFFERS: WorkerOffers = {"noop": Offer(models=frozenset(model.name for model in MODELS), custom_nodes=frozenset())}
LEASE = 1e6
"""Seconds; no simulated worker is lost, so leases need no renewal."""
RECLAIM, POLL, LIFT = 1.0, 2.0, 10.0
"""Seconds between two rounds of upkeep, two looks of an idle worker, and two sweeps for steps that waited too long."""
LOGGED = 50_000
"""Entries of Redis' log of commands and their cost; it is read before there are as many."""


@dataclass(slots=True)
class Machine:
    """A worker: it has one model loaded and runs one job at a time."""

    name: str
    loaded: Model | None = None
    claim: Claim | None = None


@dataclass(slots=True)
class Record:
    """What happened in a day."""

    waits: dict[int, float] = field(default_factory=dict)
    """Job -> seconds from its arrival until its work begins, loading the model included."""
    loads: int = 0
    most_waiting: int = 0
    costs: list[tuple[int, int]] = field(default_factory=list)
    """For each call of a worker: how many jobs were waiting, and µs of Redis."""
    order: list[int] = field(default_factory=list)
    """Jobs in the order in which they were taken."""

    def begin(self, machine: Machine, job: Job, now: float) -> float:
        """Note that a worker takes a job; when it will have ended."""
        if machine.loaded is not job.model:
            self.loads += 1
            now += job.model.load
            machine.loaded = job.model
        self.waits[job.number] = now - job.at
        self.order.append(job.number)
        return now + job.seconds


def first_in_first_out(bursts: Sequence[Sequence[Job]]) -> Record:
    """Serve by the age of the jobs alone, whatever is loaded; of idle workers, the one that has waited longest."""
    record = Record()
    idle, waiting = deque(Machine(f"worker-{n}") for n in range(WORKERS)), deque[Job]()
    ends: list[tuple[float, int, Machine]] = []
    numbers = count()
    arrivals = deque(bursts)
    while arrivals or ends:
        if arrivals and (not ends or arrivals[0][0].at <= ends[0][0]):
            now = arrivals[0][0].at
            waiting += arrivals.popleft()
        else:
            now, _, machine = heapq.heappop(ends)
            idle.append(machine)
        while idle and waiting:
            machine = idle.popleft()
            heapq.heappush(ends, (record.begin(machine, waiting.popleft(), now), next(numbers), machine))
        record.most_waiting = max(record.most_waiting, len(waiting))
    return record


class Fleet:
    """Serve by the queue in Redis: it decides who is woken and what a worker gets, and the simulation when that is."""

    def __init__(self, redis: Redis, prefix: str, bursts: Sequence[Sequence[Job]]) -> None:
        self.redis: Any = redis
        self.prefix, self.clock, self.record = prefix, Clock(), Record()
        self.age = Settings.model_fields["priority_age"].default
        self.queue = Queue(redis, prefix=prefix, affinity_wait=Settings.model_fields["affinity_wait"].default)
        self.queue.scripts = ClockScripts(redis, prefix, self.clock)
        self.machines = {name: Machine(name) for name in (f"worker-{n}" for n in range(WORKERS))}
        self.links = {name: self._link(name) for name in self.machines}
        self.idle: dict[str, None] = {}
        self.jobs = {f"{job.number:08}": job for burst in bursts for job in burst}
        self.waiting = 0
        self.numbers = count()
        self.events: list[tuple[float, int, Sequence[Job] | str]] = []
        for burst in bursts:
            self._at(burst[0].at, burst)
        self.depths: list[int] = []

    def _link(self, name: str) -> WorkerLink:
        link = WorkerLink(self.redis, prefix=self.prefix, worker_id=name, lease=LEASE)
        link.scripts = Noting(self)
        return link

    def _at(self, when: float, event: Sequence[Job] | str) -> None:
        heapq.heappush(self.events, (when, next(self.numbers), event))

    async def run(self) -> Record:
        """Let the day pass."""
        before = await self.redis.config_get("slowlog-*")
        await self.redis.config_set("slowlog-log-slower-than", 0)
        await self.redis.config_set("slowlog-max-len", LOGGED)
        await self.redis.slowlog_reset()
        try:
            await self._pass()
        finally:
            for name, value in before.items():
                await self.redis.config_set(name, value)
        return self.record

    async def _pass(self) -> None:
        self.clock.now = self.events[0][0]
        await self.redis.script_load(simulated("turn", self.prefix).source)
        for name in self.machines:
            await self._turn(name)
        looks = False
        for n in count(1):
            if not self.events:
                break
            self.clock.now, _, event = heapq.heappop(self.events)
            looks = looks and event != "look"
            await self._happen(event)
            await self._deliver()
            self.record.most_waiting = max(self.record.most_waiting, self.waiting)
            if not looks and self.waiting:
                self._at((self.clock.now // RECLAIM + 1) * RECLAIM, "look")
                looks = True
            if n % 500 == 0 or not self.events:
                await self._read_costs()

    async def _happen(self, event: Sequence[Job] | str) -> None:
        if event == "look":
            await self._look()
        elif isinstance(event, str):
            await self._turn(event)
        else:
            await self._show_life()
            await self.queue.enqueue([ticket_of(job) for job in event])
            self.waiting += len(event)

    async def _look(self) -> None:
        """What goes on by itself while something waits: upkeep, and idle workers look again."""
        now = self.clock.now
        if now % LIFT == 0:
            await self.queue.lift(self.age)
        if not self.idle:
            return
        await self._show_life()
        await self.queue.reclaim()
        if now % POLL == 0:
            for name in list(self.idle):
                await self._turn(name)

    async def _show_life(self) -> None:
        """Write what heartbeats and the looks of idle workers keep fresh in between: that the workers live."""
        pipe, worker_class = self.redis.pipeline(transaction=False), class_of(OFFERS)
        pipe.zadd(f"{self.prefix}{KEYS.members}{worker_class}", dict.fromkeys(self.machines, self.clock.ms))
        if self.idle:
            pipe.zadd(f"{self.prefix}{KEYS.idle}{worker_class}", dict.fromkeys(self.idle, self.clock.ms), xx=True)
        await pipe.execute()

    async def _deliver(self) -> None:
        """Let the workers ask that the queue has woken, until it wakes no more."""
        while self.idle:
            names = list(self.idle)
            pipe = self.redis.pipeline(transaction=False)
            for name in names:
                pipe.lpop(f"{self.prefix}{KEYS.wake}{name}")
            woken = [name for name, news in zip(names, await pipe.execute(), strict=True) if news]
            if not woken:
                return
            for name in woken:
                await self._turn(name)

    async def _turn(self, name: str) -> None:
        """A worker reports what it has run, and asks for more."""
        machine = self.machines[name]
        ended = [Settled(machine.claim, Finished())] if machine.claim else []
        turn = await self.links[name].turn(ended, 1, OFFERS)
        machine.claim = None
        self.idle[name] = None
        for claim in turn.claims:
            del self.idle[name]
            machine.claim = claim
            self.waiting -= 1
            self._at(self.record.begin(machine, self.jobs[claim.ticket.id], self.clock.now), name)

    async def _read_costs(self) -> None:
        """Take from Redis' own log what the calls of workers cost."""
        turn = f"EVALSHA {simulated('turn', self.prefix).sha}".encode()
        entries = await self.redis.slowlog_get(LOGGED)
        spent = [entry["duration"] for entry in reversed(entries) if entry["command"].startswith(turn)]
        self.record.costs += zip(self.depths, spent, strict=True)
        self.depths.clear()
        await self.redis.slowlog_reset()


class Noting(ClockScripts):
    """Notes at each call of a worker how many jobs are waiting."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet.redis, fleet.prefix, fleet.clock)
        self.fleet = fleet

    async def __call__(self, name: str, *arguments: Argument) -> Any:
        if name == "turn":
            self.fleet.depths.append(self.fleet.waiting)
        return await super().__call__(name, *arguments)


def ticket_of(job: Job) -> Ticket:
    """Make a job's only ticket."""
    name = f"{job.number:08}"
    return Ticket(
        id=name,
        job_type="noop",
        payload={},
        requirements=Requirements(models=(job.model.name,)),
        workflow_context=WorkflowContext(name, 50, MIDNIGHT + round(job.at * 1000), 1, 1),
        user=job.user,
    )
