"""The page of metrics, as the modules declare them."""

from emprops import main as _every_feature  # noqa: F401 - importing the processes declares their metrics
from emprops.kit.telemetry.metrics import DECLARED, NAMESPACE
from emprops.worker import metrics as _of_workers  # noqa: F401
from tools.reference.markdown import page, table

INTRODUCTION = (
    f"Names begin with `{NAMESPACE}_`. An api serves its metrics at `/metrics`, workers and `emprops upkeep` at"
    " their own ports. [Monitoring](../14-monitoring.md) says who may read them and what to alert on."
)


def make() -> str:
    """Return the page of metrics."""
    rows = sorted((f"`{one.name}`", one.kind, ", ".join(one.labels), one.text) for one in DECLARED)
    return page("Metrics", INTRODUCTION, table(["metric", "kind", "labels", "meaning"], rows))
