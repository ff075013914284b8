"""What a worker tells of itself at ``EMPROPS_WORKER_METRICS_PORT``. The fleet as a whole is in the api's metrics."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from emprops.kit.metrics import DURATIONS, NAMESPACE, gauge, histogram
from emprops.queue.messages import Finished
from emprops.worker.loop import WorkerLoop

RUNS = histogram(
    "worker_run_seconds", "Time that runs took here.", "job_type", "connector", "outcome", buckets=DURATIONS
)


def observe(job_type: str, connector: str, finished: Finished, seconds: float) -> None:
    """Note how a run ended. Job types and connectors are this worker's own, so there are few."""
    RUNS.labels(job_type, connector, finished.failure or "completed").observe(seconds)


class LoopCollector(Collector):
    """The loop's own counts, read when they are asked for: counting for Prometheus besides would cost every step."""

    def __init__(self, loop: WorkerLoop) -> None:
        self.loop = loop

    def collect(self) -> Iterator[Metric]:
        """Give the families."""
        counters = self.loop.counters
        ends = CounterMetricFamily(f"{NAMESPACE}_worker_steps", "Claims that ended here.", labels=["end"])
        for end in ("completed", "failed", "retried", "abandoned", "lost_leases", "late"):
            ends.add_metric([end], getattr(counters, end))
        yield ends
        yield gauge("worker_slots", "Steps that run at once.", self.loop.lanes.total)
        yield gauge("worker_slots_used", "Steps that run now.", len(self.loop.board))
        yield gauge("worker_paused", "Whether it was told to claim nothing.", int(self.loop.paused))
        yield gauge("worker_draining", "Whether it is on its way out.", int(self.loop.draining))
