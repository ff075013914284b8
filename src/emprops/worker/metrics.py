"""What a worker tells of itself at ``EMPROPS_WORKER_METRICS_PORT``. The fleet as a whole is in the api's metrics."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector

from emprops.kit.telemetry.metrics import DURATIONS, histogram, read_counter, read_gauge
from emprops.queue.messages import Finished
from emprops.worker.offers import OK
from emprops.worker.presence import Presence

RUNS = histogram(
    "worker_run_seconds", "Duration of runs on this worker.", "job_type", "connector", "outcome", buckets=DURATIONS
)

ENDS = read_counter("worker_steps", "Claims that ended on this worker.", "end")
SLOTS = read_gauge("worker_slots", "Steps that run at once: on this worker, or in the fleet by class.")
SLOTS_USED = read_gauge("worker_slots_used", "Steps that run now: on this worker, or in the fleet by class.")
AVAILABLE = read_gauge("worker_connector_available", "Whether a connector of this worker can take work.", "connector")
PAUSED = read_gauge("worker_paused", "Whether this worker was told to claim nothing.")
DRAINING = read_gauge("worker_draining", "Whether this worker is stopping.")
OUTCOMES = ("completed", "failed", "retried", "abandoned", "lost_leases", "late")


def observe(job_type: str, connector: str, finished: Finished, seconds: float) -> None:
    """Note how a run ended. Job types and connectors are this worker's own, so there are few."""
    RUNS.labels(job_type, connector, finished.failure or "completed").observe(seconds)


class LoopCollector(Collector):
    """The loop's own counts, read when they are asked for: counting for Prometheus as well would cost every step."""

    def __init__(self, presence: Presence) -> None:
        self.presence = presence
        self.loop = presence.loop

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        counters = self.loop.counters
        yield ENDS.of(([end], getattr(counters, end)) for end in OUTCOMES)
        yield SLOTS.at(self.loop.lanes.total)
        yield SLOTS_USED.at(len(self.loop.board))
        yield AVAILABLE.of(([name], int(state == OK)) for name, state in sorted(self.presence.now.health.items()))
        yield PAUSED.at(int(self.loop.paused))
        yield DRAINING.at(int(self.loop.draining))
