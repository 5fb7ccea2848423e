"""The Grafana dashboard and the Prometheus example ask for figures that exist, by labels that they have."""

import json
import re
from pathlib import Path
from typing import Any

from huntaze.metrics.families import FAMILIES, Family

INFRASTRUCTURE = Path(__file__).resolve().parents[2] / "infrastructure"
NAME = re.compile(r"huntaze_\w+")


def _exported() -> dict[str, Family]:
    """Every name that Prometheus gets, with where it comes from."""
    found: dict[str, Family] = {}
    for family in FAMILIES:
        suffixes = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        found |= {f"{family.name}{suffix}": family for suffix in suffixes}
    return found


def _dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((INFRASTRUCTURE / "grafana" / "huntaze.json").read_text())
    return read


def _expressions() -> list[str]:
    dashboard = _dashboard()
    variables = [
        variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"
    ]
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]] + variables


def test_the_dashboard_asks_for_what_there_is_and_for_all_of_it() -> None:
    asked = {name for expression in _expressions() for name in NAME.findall(expression)}
    exported = _exported()
    assert asked - exported.keys() == set()
    assert {exported[name].name for name in asked} == {family.name for family in FAMILIES}


def test_it_groups_by_labels_that_the_figures_have() -> None:
    for expression in _expressions():
        labels = {
            label for family in map(_exported().get, NAME.findall(expression)) if family for label in family.labels
        }
        grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
        matched = set(re.findall(r"[{,]\s*(\w+)\s*=~?", expression))
        assert (grouped | matched) - {"le", "instance"} <= labels, expression
        assert expression.count("(") == expression.count(")")


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in _dashboard()["panels"]):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_prometheus_is_told_to_bring_the_token_and_to_keep_our_labels() -> None:
    example = (INFRASTRUCTURE / "prometheus" / "prometheus.yml").read_text()
    assert {line.strip() for line in example.splitlines()} >= {
        "metrics_path: /metrics",
        "type: Bearer",
        "honor_labels: true",
    }
