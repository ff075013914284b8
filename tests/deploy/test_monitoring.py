"""The alerts and the dashboard name metrics that exist, and the page names the alerts."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from tests.deploy.test_deploy import DEPLOY

from emprops import main as _every_feature  # noqa: F401 - importing the processes declares their metrics
from emprops.kit.telemetry.metrics import DECLARED
from emprops.worker import metrics as _of_workers  # noqa: F401

RULES = DEPLOY / "prometheus" / "emprops.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "emprops.json"
PAGE = DEPLOY.parent / "docs" / "14-monitoring.md"
NAMES = {one.name for one in DECLARED} | {f"{one.name}_bucket" for one in DECLARED if one.kind == "histogram"}


def alerts() -> list[dict[str, str]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    rules: list[dict[str, str]] = group["rules"]
    return rules


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.mark.parametrize("query", [*(alert["expr"] for alert in alerts()), *queries()])
def test_the_metrics_exist(query: str) -> None:
    named = re.findall(r"emprops_(\w+)", query)
    assert named
    assert set(named) <= NAMES


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_the_page_has_the_alert_as_it_is(alert: dict[str, str]) -> None:
    assert f"| `{alert['alert']}` | `{alert['expr']}` |" in PAGE.read_text()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
