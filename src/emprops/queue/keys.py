"""What Redis holds: every key, its type and its purpose. Lua scripts get these names from here.

Everything under these keys can be rebuilt from PostgreSQL; ``docs/03-redis.md`` explains how they work together.
A trailing ``:`` means that an id follows. ``stream_ticket:``, ``sign_in:`` and ``rate:`` are not listed: they are for
apis only (``auth/tickets.py``, ``sessions/oidc_attempts.py``, ``auth/limits.py``).
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names without the installation's prefix."""

    ticket: str = "ticket:"
    """hash per step: body, run, sig, score, job, state, since (when it came into that state, ms), attempt,
    failures, lost, worker, token, avoid, warm_until, remembered (of work that an earlier attempt began) and by whom,
    user, weight (if it is more than 1), lifted (the score it was taken at, if that was before all bands); one without
    a worker was never taken."""
    wait: str = "wait:"
    """zset per signature: waiting step ids by order (lowest score first)."""
    line: str = "line:"
    """zset per signature, band (100 - priority) and user: step ids that were never taken -> age of the job (ms). The
    first has a turn in ``wait``, the others come after all turns of the band."""
    lines: str = "lines:"
    """zset per band and user: signature -> age of the first ticket of that line (ms)."""
    turn: str = "turn"
    """string: the newest turn (rising; milliseconds of Redis' clock, made unique)."""
    served: str = "served:"
    """zset per worker class: user -> the turn after the one in which the class last took something of theirs."""
    spent: str = "spent:"
    """hash per worker class: user with a weight -> the turn after the one in which the class last took something of
    theirs, and how many it has taken in the present one. Hash per band and user: signature -> turn of its head, and how
    many were taken in it. Both expire after an hour."""
    sigs: str = "sigs"
    """zset: requirement signature -> its registration number (rising; microseconds of Redis' clock, made unique)."""
    sig_seq: str = "sig_seq"
    """string: the newest registration number."""
    sig_seen: str = "sig_seen"
    """zset: signature -> when a ticket last used it (ms)."""
    requirements: str = "requirements"
    """hash: signature -> what it requires (JSON)."""
    sig_classes: str = "sig_classes:"
    """set per signature: worker classes that can run it."""
    heads: str = "heads:"
    """zset per worker class: runnable signature -> lower bound of its first ticket's score."""
    judged: str = "judged"
    """hash: worker class -> number of the newest signature it has been matched against."""
    classes: str = "classes"
    """zset: worker class -> last seen (ms)."""
    members: str = "members:"
    """zset per class: worker id -> last heartbeat (ms)."""
    idle_classes: str = "idle_classes"
    """set: classes with at least one worker waiting for work."""
    idle: str = "idle:"
    """zset per class: worker id -> since when it waits (ms); negative: when it was woken, until it has asked."""
    wake: str = "wake:"
    """list per worker: a token when there is something to claim, ``cancel`` when a step it holds was cancelled."""
    leases: str = "leases"
    """zset: claimed step id -> end of its lease (ms)."""
    delayed: str = "delayed"
    """zset: step id waiting for its next try -> due time (ms)."""
    warm: str = "warm:"
    """hash per set of models: worker that has them loaded -> class by which it took a ticket that requires them."""
    warm_by: str = "warm_by:"
    """hash per worker: set of models it has loaded -> the last step it took with them."""
    warm_at: str = "warm_at"
    """zset: worker -> when it last took a ticket that requires models (ms)."""
    held: str = "held"
    """zset: signature with tickets left for warm workers, or whose job type is full -> when others should look (ms)."""
    claimed: str = "claimed:"
    """string per request token: step ids that this claim call got; makes a repeated call harmless."""
    reports: str = "reports"
    """stream: what was accepted about attempts, for the orchestrator."""
    preview: str = "preview:"
    """hash per job: the latest look at what one of its steps is making (seq, step, type, node, content), and what was
    last said of its progress (said, JSON); goes with the end of the step, or after some minutes without news."""
    extra: str = "extra:"
    """string per job: keys for services of others that its caller sent along (JSON), kept a day and nowhere else; the
    one thing here that cannot be rebuilt."""
    attestation: str = "verdict:"
    """string per step and run: how it ended, kept ``attestation_days``."""
    dead: str = "dead"
    """zset: steps that used up their limits -> when (ms); their ticket hash stays for inspection."""
    catalogues: str = "catalogues"
    """zset: digest of a node catalogue that a worker showed -> when it last did (ms)."""
    catalogue: str = "catalogue:"
    """string per digest: which node classes a machine has, packed; expires like its worker."""
    late: str = "late"
    """string: how many reports were refused because their claim had lapsed."""
    workers: str = "workers"
    """zset: worker id -> last heartbeat (ms)."""
    worker: str = "worker:"
    """hash per worker: incarnation, machine, capabilities, claims, status; expires after 120 s of silence."""
    renewable: str = "renewable:"
    """string per token of a claim over the gateway: expires when its run must be over; then it is not renewed."""
    upload: str = "upload:"
    """hash per storage key that a worker of the gateway stored: token of its claim, size, sha256; kept a day."""
    paused: str = "paused"
    """hash: ``all``, ``machine:{id}`` or ``worker:{id}`` -> since when it may claim nothing (Unix ms)."""
    type_limits: str = "type_limits"
    """hash: job type -> ``most:a_minute``: how many steps may run in the whole fleet, and begin in a minute; either may
    be empty. Shown from PostgreSQL."""
    type_runs: str = "type_runs:"
    """zset per job type with limits: steps that were claimed -> when (ms); ended ones go when it is full."""
    type_begun: str = "type_begun:"
    """zset per job type with limits: ``step:attempt`` of the last minute -> when it was claimed (ms)."""
    held_back: str = "held_back"
    """hash: job type -> how many ready steps quotas keep out of the queue; written every few seconds, expires."""
    epoch: str = "epoch"
    """string: present while this Redis holds what was put into it; missing means rebuild."""


KEYS = Keys()

JOBS_CHANGED = "jobs:changed"
"""Pub/sub channel (prefixed): ids of jobs whose committed state changed, or that have a new preview, for open
streams; and once more, as the kind :data:`ENDED`, those that may have ended."""
ENDED = "ended"


def progress_channel(step_id: str) -> str:
    """Spec's internal API: live progress of one step."""
    return f"job:progress:{step_id}"


def worker_channel(worker_id: str) -> str:
    """Spec's internal API: status changes of one worker."""
    return f"worker:status:{worker_id}"


def machine_channel(machine_id: str) -> str:
    """Spec's internal API: a machine's status every 15 s."""
    return f"machine:{machine_id}:status"


WORKER_CHANNELS = worker_channel("*")
MACHINE_CHANNELS = machine_channel("*")
PROGRESS_CHANNELS = progress_channel("*")
"""Patterns of these channels, for ``PSUBSCRIBE``."""


def name_in(channel: str, pattern: str) -> str | None:
    """Return the id in a channel's name, None if the pattern is that of other channels."""
    before, _, after = pattern.partition("*")
    fits = channel.startswith(before) and channel.endswith(after) and len(channel) > len(before) + len(after)
    return channel[len(before) : len(channel) - len(after)] if fits else None


def lua_prelude(prefix: str) -> str:
    """Make the key table that every script starts with."""
    table = ", ".join(f"{field.name} = '{prefix}{getattr(KEYS, field.name)}'" for field in fields(Keys))
    return f"local K = {{ {table} }}\n"
