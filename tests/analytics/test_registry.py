"""What apps may and may not declare."""

import pytest

from analytics.registry import Content, Metric, Reading, Scope, card, cards, find_source, snapshot_source, snapshots


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing behind that a test declares."""
    monkeypatch.setattr(snapshots, "_SOURCES", {})
    monkeypatch.setattr(cards, "_CARDS", {})


def _declare(provider: str, *metrics: Metric) -> None:
    @snapshot_source(
        provider,
        title="Provider",
        metrics=metrics,
        split=lambda size: [""],
        describe=lambda creators: (),
        search=lambda text, organization, limit: (),
    )
    def read(slot_at: object, first: str, before: str) -> list[Reading]:
        return []


def test_a_source_is_found_by_its_provider() -> None:
    _declare("somewhere", Metric("fans", "Fans"))

    source = find_source("somewhere")
    assert source is not None and [metric.title for metric in source.metrics] == ["Fans"]
    assert find_source("elsewhere") is None


@pytest.mark.parametrize(
    "metrics",
    [
        (Metric("fans", "Fans"), Metric("fans", "Fans again")),
        (Metric("gross", "Gross", kind="money"),),
        (Metric("fans_cents", "Fans"),),
    ],
)
def test_a_metric_that_would_be_misread_is_refused(metrics: tuple[Metric, ...]) -> None:
    with pytest.raises(ValueError, match=r"twice|cents"):
        _declare("somewhere", *metrics)
    assert find_source("somewhere") is None


def test_two_cards_never_share_a_name() -> None:
    @card("things", title="Things", permission="x.view_y")
    def one(scope: Scope) -> Content:
        return Content(())

    with pytest.raises(ValueError, match="Two cards"):

        @card("things", title="Others", permission="x.view_y")
        def other(scope: Scope) -> Content:
            return Content(())
