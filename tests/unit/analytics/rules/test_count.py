from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from scenes import FPS, Thing, events, rule
from vedette.analytics.rules.base import RuleContext
from vedette.analytics.rules.count import CountOptions, period_starts
from vedette.model.events import Direction, RuleEvent
from vedette.model.time import NS_PER_S, Instant


def at(text: str) -> Instant:
    return Instant(0, round(datetime.fromisoformat(text).timestamp()) * NS_PER_S)


def event(text: str, direction: Direction | None, label: str = "person", source: str = "line_crossing") -> RuleEvent:
    kind = "crossed" if direction else "entered"
    return RuleEvent(source, "", kind, at(text), 0, at(text), 1, label, 0.8, direction)


def test_totals_by_label_direction_rule_and_period() -> None:
    total = rule("count", RuleContext(zone=ZoneInfo("Europe/Berlin")))
    total.hear(event("2026-06-10T21:59:30Z", "forward"))
    total.hear(event("2026-06-10T22:00:10Z", "backward"))
    total.hear(event("2026-06-10T22:00:50Z", "forward", "car"))
    total.hear(event("2026-06-10T23:00:00Z", None, source="region"))
    total.hear(event("2026-06-10T23:00:00Z", "forward", source="another"))
    values = total.values()
    assert values["total"] == {"forward": 2, "backward": 1, "entered": 1}
    assert values["by_label"] == {"car": {"forward": 1}, "person": {"forward": 1, "backward": 1, "entered": 1}}
    assert values["by_rule"] == {"line_crossing": {"forward": 2, "backward": 1}, "region": {"entered": 1}}
    assert [row["start"] for row in values["per_day"]] == ["2026-06-10", "2026-06-11"]
    assert [row["start"] for row in values["per_hour"]] == [
        "2026-06-10T23:00+02:00",
        "2026-06-11T00:00+02:00",
        "2026-06-11T01:00+02:00",
    ]
    assert values["per_minute"][1] == {
        "start": "2026-06-11T00:00+02:00",
        "total": {"backward": 1, "forward": 1},
        "by_label": {"car": {"forward": 1}, "person": {"backward": 1}},
    }


def test_hour_that_comes_twice_is_two() -> None:
    zone = ZoneInfo("Europe/Berlin")
    first, second = at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z")
    assert period_starts(first.utc_ns, zone)["hour"] == "2026-10-25T02:00+02:00"
    assert period_starts(second.utc_ns, zone)["hour"] == "2026-10-25T02:00+01:00"


def test_periods_come_in_order_of_time() -> None:
    total = rule("count", RuleContext(zone=ZoneInfo("Europe/Berlin")))
    for text in ("2026-10-25T01:30:00Z", "2026-10-25T00:30:00Z", "2026-10-24T10:30:00Z"):
        total.hear(event(text, "forward"))
    starts = [row["start"] for row in total.values()["per_hour"]]
    assert starts == ["2026-10-24T12:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_periods_sum_to_the_total() -> None:
    total = rule("count")
    for minute in range(0, 3000, 7):
        hour = f"2026-06-{10 + minute // 1440:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00Z"
        total.hear(event(hour, "forward" if minute % 2 else "backward"))
    values = total.values()
    for period in ("per_minute", "per_hour", "per_day"):
        for direction in ("forward", "backward"):
            assert sum(row["total"].get(direction, 0) for row in values[period]) == values["total"][direction]


def test_labels_and_score_are_filtered() -> None:
    total = rule("count", labels=("vehicle",), min_score=0.9)
    total.hear(event("2026-06-10T22:00:10Z", "backward"))
    total.hear(event("2026-06-10T22:00:10Z", "backward", "car"))
    assert total.values()["total"] == {}


@pytest.mark.parametrize("fps", FPS)
def test_lines_are_counted(fps: float) -> None:
    walkers = [
        Thing(path=lambda t: (0.2 + 0.15 * t, 0.5), end=4, id=i, label=n) for i, n in ((1, "person"), (2, "car"))
    ]
    total = rule("count")
    events([total, rule("region"), rule("line_crossing")], *walkers, fps=fps)
    assert total.values()["by_rule"]["line_crossing"] == {"backward": 2}
    assert total.values()["by_rule"]["region"] == {"entered": 2, "left": 2}


@pytest.mark.parametrize("of", [(), ("a", "a")])
def test_references_must_be_there_and_different(of: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="of "):
        CountOptions(id="c", of=of)
