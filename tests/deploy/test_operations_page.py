"""The pages for operators name every setting and every metric that exists, and none that does not."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from market import metrics
from market.http.wire.metrics import DoorMetrics
from market.settings import READ_ELSEWHERE, Settings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "".join(
    (DOCS / f"{name}.md").read_text(encoding="utf-8")
    for name in ("operations", "watching", "upgrading", "securing", "running-a-market")
)


def test_page_names_every_setting_and_no_other() -> None:
    named = set(re.findall(r"LODESTONE_[A-Z_]*[A-Z]", PAGE))
    settings = {f"LODESTONE_{name.upper()}" for name in Settings.model_fields}
    assert settings == named - set(READ_ELSEWHERE)


def test_page_names_no_metric_that_does_not_exist() -> None:
    named = set(re.findall(r"lodestone_[a-z_]+", PAGE)) - {"lodestone_"}
    door = DoorMetrics(CollectorRegistry())
    declared = [
        metric
        for metric in (*vars(metrics).values(), *vars(door).values())
        if isinstance(metric, Counter | Gauge | Histogram)
    ]
    totals = {f"{metric._name}_total" for metric in declared if isinstance(metric, Counter)}
    assert set() == named - {metric._name for metric in declared} - totals
