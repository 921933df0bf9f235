"""The Grafana dashboard and the alert rules use only metrics and labels that the programs export."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from gateway.middleware import metrics as http_metrics
from server_b.observers import call_metrics
from tests.support.programs import PROJECT

DASHBOARD = PROJECT / "deploy" / "grafana" / "relay.json"
ALERTS = PROJECT / "deploy" / "prometheus" / "alerts.yaml"
LABELS_OF_PROMETHEUS = {"le", "job", "instance"}
METRIC = re.compile(r"\b(?:relay|gen_ai)_[a-z_]+\b")
LABELS = re.compile(r"by \(([^)]*)\)|\{([^}]*)\}")


def metrics() -> dict[str, set[str]]:
    """Returns the labels of each time series, by the name of the series."""
    found: dict[str, set[str]] = {}
    for module in (call_metrics, http_metrics):
        for one in vars(module).values():
            if isinstance(one, MetricWrapperBase):
                found |= {f"{one._name}{suffix}": set(one._labelnames) for suffix in suffixes(one)}
    return found


def suffixes(metric: MetricWrapperBase) -> tuple[str, ...]:
    """Returns the suffixes that Prometheus gives to the time series of a metric of this type."""
    if isinstance(metric, Histogram):
        return ("_bucket", "_sum", "_count")
    return ("_total",) if isinstance(metric, Counter) else ("",)


def expressions() -> Iterator[tuple[str, str]]:
    """Yields each expression with its location."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


KNOWN = metrics()


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_an_expression_uses_only_metrics_and_labels_that_exist(place: str, expression: str) -> None:
    names = set(METRIC.findall(expression))
    assert names or "up{" in expression, place
    assert names <= KNOWN.keys()
    there = {label for name in names for label in KNOWN[name]} | LABELS_OF_PROMETHEUS
    for by, matched in LABELS.findall(expression):
        asked = {label.strip() for label in by.split(",")} if by else set(re.findall(r"(\w+)\s*[=!]", matched))
        assert asked <= there


def test_the_labels_in_an_alerts_text_are_those_that_it_is_grouped_by() -> None:
    for rule in rules():
        text = " ".join(rule["annotations"].values())
        asked = set(re.findall(r"\$labels\.(\w+)", text))
        grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in by.split(",")}
        assert asked <= grouped | LABELS_OF_PROMETHEUS, rule["alert"]


def test_panels_have_unique_titles_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
