"""Alerts and dashboard ask for series that exist, by labels they have, in queries that Prometheus reads."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from market import metrics
from market.http.wire.metrics import DoorMetrics
from market.services import SERVICES

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "lodestone.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
BY_PROMETHEUS = {"instance", "job"}
"""Labels that whoever scrapes adds."""
BY_SCRAPING = {"up": BY_PROMETHEUS}
"""Series that Prometheus makes of every target."""


def declared() -> dict[str, set[str]]:
    """Every series that our processes show, with its labels."""
    door = vars(DoorMetrics(CollectorRegistry())).values()
    series = {}
    for metric in [*vars(metrics).values(), *door]:
        labels = set(getattr(metric, "_labelnames", ()))
        match metric:
            case Counter():
                series[f"{metric._name}_total"] = labels
            case Gauge():
                series[metric._name] = labels
            case Histogram():
                series[f"{metric._name}_bucket"] = labels | {"le"}
    return series | BY_SCRAPING


def rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    shown = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [rule["expr"] for rule in rules()] + [each.replace("$__rate_interval", "5m") for each in shown]


def selectors(query: str) -> Iterator[tuple[str, set[str]]]:
    """The series that a query reads and the labels by which it picks or groups them."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        found.append(node)

    promql_parser.walk(promql_parser.parse(query), visit)
    grouped = {
        label
        for node in found
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None
        for label in node.modifier.labels
    }
    for node in found:
        selected = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(selected, promql_parser.VectorSelector):
            assert selected.name is not None, query
            yield selected.name, grouped | {each.name for each in selected.matchers.matchers}


def test_every_query_reads_series_that_exist_by_labels_that_they_have() -> None:
    known = declared()
    read = [each for query in queries() for each in selectors(query)]
    assert len(read) >= len(queries())
    for name, labels in read:
        assert name in known, name
        assert labels <= known[name], (name, labels)


def test_what_an_alert_says_comes_from_its_query() -> None:
    known = declared()
    for rule in rules():
        text = " ".join(rule["annotations"].values())
        used = set(re.findall(r"\$labels\.(\w+)", text)) - BY_PROMETHEUS
        for name, _ in selectors(rule["expr"]):
            assert used <= known[name], rule["alert"]
        assert {"summary", "description"} == rule["annotations"].keys()
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_a_service_that_no_process_shows_is_an_alert() -> None:
    (gone,) = [rule["expr"] for rule in rules() if rule["alert"] == "LodestoneServiceGone"]
    asked = re.findall(r'absent\(lodestone_service_up{service="(\w+)"}\)', gone)
    assert sorted(SERVICES) == sorted(asked)
    assert any("up" == name for rule in rules() for name, _ in selectors(rule["expr"]))


def test_a_year_that_waits_for_its_price_is_no_timer_that_stands() -> None:
    """Both series name kinds alike; what waits for an index has a warning of its own."""
    of = {rule["alert"]: rule["expr"] for rule in rules()}
    waits = 'lodestone_timers_refused{code="year_unpriced"}'
    assert waits in of["LodestoneYearsUnpriced"]
    due, _, spared = of["LodestoneTimersStand"].partition(" unless on (kind) ")
    assert ("max by (kind) (lodestone_timer_oldest_due_seconds) > 300", f"max by (kind) ({waits}) > 0") == (
        due,
        spared,
    )


def test_every_alert_has_a_row_that_names_it_and_no_row_names_another() -> None:
    """The name is what stands in the message at night, and what is searched for."""
    watched = PAGE[PAGE.index("| signal | meaning | what to do |") : PAGE.index("## Disks")]
    signs = [row.split(" | ")[0] for row in watched.splitlines() if row.startswith("| ")]
    named = [name for sign in signs for name in re.findall(r"`(Lodestone\w+)`", sign)]
    assert sorted(rule["alert"] for rule in rules()) == sorted(named)


def test_every_series_of_the_page_on_watching_has_an_alert() -> None:
    watched = PAGE[PAGE.index("## What to watch") : PAGE.index("## Checking")]
    alerted = {name for rule in rules() for name, _ in selectors(rule["expr"])}
    named = set(re.findall(r"lodestone_[a-z_]+", watched))
    assert len(named) > 4
    assert set() == {name for name in named if not {name, f"{name}_total"} & alerted} - {
        "lodestone_reader_lag_records",
        "lodestone_checkpoint_age_seconds",
        "lodestone_contests",
        "lodestone_database_bytes",
    }


def test_outcomes_that_an_alert_waits_for_are_shown_before_they_come() -> None:
    shown = {
        (sample.name, sample.labels["outcome"])
        for counter in (metrics.CLEARINGS, metrics.WEBHOOK_POSTS)
        for family in counter.collect()
        for sample in family.samples
    }
    asked = {
        found
        for rule in rules()
        for found in re.findall(
            r'(lodestone_(?:clearings|webhook_posts)_total){outcome="(\w+)"}', rule["expr"]
        )
    }
    assert 3 == len(asked)
    assert asked <= shown


def test_a_process_that_has_just_started_pages_nobody() -> None:
    """A gauge is 0 before it is first set: an instant that was never read looks 50 years old."""
    since = [rule for rule in rules() if "time() -" in rule["expr"]]
    assert [True] == [bool(rule.get("for")) for rule in since]


def test_panels_lie_side_by_side_and_have_their_own_ids() -> None:
    panels = DASHBOARD["panels"]
    assert len(panels) == len({panel["id"] for panel in panels})
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def log_events(*levels: str) -> set[str]:
    """What services log at these levels, by the text of the program."""
    calls = [
        node
        for top in ("events", "market", "contracts")
        for path in (ROOT / top).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in levels
    ]
    return {
        call.args[0].value
        for call in calls
        if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


def test_every_line_that_warns_is_told_with_what_to_do() -> None:
    warned = log_events("warning", "error", "exception")
    assert {"reader_waits", "record_unavailable", "service_failed"} <= warned
    assert set() == {each for each in warned if f"`{each}`" not in PAGE}
    _, _, lines = PAGE.partition("\n## Log lines\n")
    table = lines.partition("\n## ")[0].partition("| event |")[2]
    named = {each for row in table.splitlines() for each in re.findall(r"`([\w.]+)`", row.split(" | ")[0])}
    variable = {"http_unhandled", "topic_settings_differ"}
    assert named <= warned | variable
    assert 40 < len(named)
