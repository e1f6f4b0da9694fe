from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scenes import FPS, Thing, along, events, kinds, rule, still, told
from vedette.analytics.rules.base import RuleContext
from vedette.analytics.rules.level import KEEP_MINUTES
from vedette.analytics.rules.occupancy import OccupancyOptions
from vedette.model.events import Direction, RuleEvent
from vedette.model.observations import Observations, Subjects
from vedette.model.time import NS_PER_S, Instant

ENTRANCES = {"door": "forward"}


def visitor(track: int, enter: float, leave: float) -> Thing:
    path = along(
        (enter - 1, 0.1, 0.5), (enter, 0.4, 0.5), (enter + 0.4, 0.55, 0.5), (leave, 0.55, 0.5), (leave + 1, 0.95, 0.5)
    )
    return Thing(path=path, start=enter - 1, end=leave + 1, id=track)


def instant(seconds: float, utc: datetime | None = None) -> Instant:
    base = round(utc.timestamp() * NS_PER_S) if utc else 0
    return Instant(round(seconds * NS_PER_S), base + (0 if utc else round(seconds * NS_PER_S)))


def crossing(direction: Direction, seconds: float, label: str = "person", door: str = "door") -> RuleEvent:
    at = instant(seconds)
    return RuleEvent(door, "", "crossed", at, round(seconds * 10), at, 1, label, 0.8, direction)


def moment(at: Instant) -> Observations:
    return Observations(at, at.stream_ns // 100_000_000, 1.0, Subjects.none())


@pytest.mark.parametrize("fps", FPS)
def test_too_many_for_too_long(fps: float) -> None:
    people = [visitor(1, 1.0, 12.0), visitor(2, 3.0, 9.0)]
    crowd = rule("occupancy", max=1, for_s=2.0)
    found = told(events(crowd, *people, fps=fps))
    assert [kind for kind, _ in found] == ["exceeded", "cleared"]
    assert [at for _, at in found] == pytest.approx([5.0, 9.375], abs=1 / fps)
    assert crowd.values()["now"] == 0
    assert crowd.values()["most"] == 2


@pytest.mark.parametrize("fps", FPS)
def test_too_many_for_a_short_time_is_nothing(fps: float) -> None:
    people = [visitor(1, 1.0, 12.0), visitor(2, 3.0, 4.2)]
    assert events(rule("occupancy", max=1, for_s=2.0), *people, fps=fps) == []


def test_event_carries_the_number() -> None:
    exceeded, cleared = events(rule("occupancy", max=0), visitor(1, 1.0, 6.0), fps=10)
    assert (exceeded.value, exceeded.track, cleared.value) == (1.0, 0, 0.0)
    assert exceeded.frame == pytest.approx(10, abs=1)
    assert exceeded.known_at >= exceeded.at


@pytest.mark.parametrize("fps", FPS)
def test_the_hidden_stay_inside_and_the_lost_leave_when_last_seen(fps: float) -> None:
    hidden = Thing(path=still(0.5, 0.5), end=8.0, unseen=lambda t: 2.0 < t < 4.5)
    found = told(events(rule("occupancy", max=0), hidden, fps=fps))
    assert [kind for kind, _ in found] == ["exceeded", "cleared"]
    assert [at for _, at in found] == pytest.approx([0.0, 8.0], abs=1 / fps)


def test_value_over_time_is_weighted_by_time() -> None:
    counter = rule("occupancy")
    events(counter, Thing(path=still(0.5, 0.5), end=30), fps=5, start_utc_s=1_000_020.0)
    (minute,) = counter.values()["per_minute"]
    assert minute["most"] == 1
    assert 0.85 < minute["mean"] <= 1.0


def entrance(**options: Any) -> Any:  # noqa: ANN401 - the rule
    return rule("occupancy", entrances=ENTRANCES, **options)


def test_crossings_add_up_and_never_fall_below_zero() -> None:
    place = entrance()
    assert place.follows == ("door",)
    assert place.hear(crossing("forward", 1)) == []
    assert place.hear(crossing("backward", 2)) == []
    (corrected,) = place.hear(crossing("backward", 3))
    assert (corrected.kind, corrected.value, corrected.at) == ("corrected", 0.0, instant(3))
    assert place.values()["now"] == 0
    assert place.values()["corrections"] == 1
    place.hear(crossing("forward", 4))
    assert place.values()["now"] == 1


def test_two_doors_of_opposite_directions() -> None:
    place = rule("occupancy", entrances={"a": "forward", "b": "backward"})
    for event in (
        crossing("forward", 1, door="a"),
        crossing("backward", 2, door="b"),
        crossing("forward", 3, door="b"),
    ):
        place.hear(event)
    assert place.values()["now"] == 1


def test_labels_are_filtered() -> None:
    place = entrance(labels=("person",))
    place.hear(crossing("forward", 1, label="car"))
    assert place.values()["now"] == 0


def test_too_many_behind_doors() -> None:
    place = entrance(max=1, for_s=5.0)
    for second in (1, 2):
        assert place.hear(crossing("forward", second)) == []
    assert place.update(moment(instant(6.9))) == []
    (event,) = place.update(moment(instant(8.0)))
    assert (event.kind, event.at, event.value) == ("exceeded", instant(7.0), 2.0)
    (event,) = place.hear(crossing("backward", 9))
    assert (event.kind, event.at) == ("cleared", instant(9))


def test_somebody_counts_by_hand() -> None:
    place = entrance(max=3)
    assert kinds(place.set(5, instant(1))) == ["corrected", "exceeded"]
    assert place.values()["now"] == 5
    with pytest.raises(ValueError, match="negative"):
        place.set(-1, instant(2))


def test_reset_once_a_day_in_local_time_even_if_the_clock_steps_back() -> None:
    zone = ZoneInfo("Europe/Berlin")
    place = rule("occupancy", RuleContext(zone=zone), entrances=ENTRANCES, reset_at=time(4, 0))

    def at(seconds: float, hour: int, minute: int = 0, day: int = 10) -> Instant:
        local = datetime(2026, 6, day, hour, minute, tzinfo=zone)
        return instant(seconds, local.astimezone(UTC))

    place.update(moment(at(0, 3)))
    place.hear(crossing("forward", 1))
    assert place.update(moment(at(2, 3, 59))) == []
    (event,) = place.update(moment(at(3, 4, 1)))
    assert (event.kind, event.value) == ("corrected", 0.0)
    place.hear(crossing("forward", 4))
    assert place.update(moment(at(5, 3, 30))) == []
    assert place.update(moment(at(6, 4, 2))) == []
    assert place.values()["now"] == 1
    assert kinds(place.update(moment(at(7, 5, day=11)))) == ["corrected"]
    assert place.values()["now"] == 0


def test_room_for_minutes_is_bounded() -> None:
    place = entrance()
    for minute in range(KEEP_MINUTES + 50):
        place.update(moment(instant(60.0 * minute)))
    assert len(place.values()["per_minute"]) == KEEP_MINUTES


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either zone or entrances"),
        ({"zone": ((0, 0), (1, 0), (1, 1)), "entrances": ENTRANCES}, "either zone or entrances"),
        ({"entrances": ENTRANCES, "max": -1}, "max"),
        ({"entrances": ENTRANCES, "for_s": -1.0}, "for_s"),
        ({"zone": ((0, 0), (1, 0), (1, 1)), "reset_at": time(4)}, "reset_at"),
        ({"zone": ((2, 2), (3, 2), (3, 3))}, "outside"),
    ],
)
def test_options_that_contradict_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OccupancyOptions(id="o", **options)


def test_lines_and_occupancy_together() -> None:
    people = [
        Thing(path=along((start, 0.2, 0.5), (start + 4, 0.8, 0.5)), start=start, end=start + 4, id=9 + start)
        for start in (0, 1, 2)
    ]
    place = rule("occupancy", entrances={"line_crossing": "backward"}, max=1)
    found = events([place, rule("line_crossing")], *people, fps=10)
    assert kinds(found) == ["backward", "backward", "exceeded", "backward"]
    assert place.values()["now"] == 3
