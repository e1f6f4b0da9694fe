from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from scenes import FPS, Film, Thing, along, rule, still
from vedette.analytics.replay import Replayed, replay
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import Scene
from vedette.analytics.track_lines import MOST_POINTS, TrackLines
from vedette.model.events import RuleEvent
from vedette.model.time import NS_PER_S
from vedette.model.track_line import TrackLine

WALK = Thing(path=along((0, 0.1, 0.5), (8, 0.9, 0.5)), end=8)
NAMES = ("person", "car", "mover")


def lived(film: Film, rules: Sequence[Any] = (), run: int = 1) -> tuple[list[TrackLine], list[RuleEvent]]:
    """What is kept of a film's tracks, and the events that rules found live."""
    numbers = count(1)
    scene, lines = Scene(1.0), TrackLines("yard", make_id=lambda utc_ns: next(numbers))  # noqa: ARG005
    ruleset, kept, events = RuleSet(list(rules)), [], []
    for tracks, at, index in film.tracks():
        now = scene.observe(tracks, at, index)
        events += ruleset.update(now)
        kept += lines.take(now, tracks, run)
    return sorted(kept, key=lambda line: line.start_utc_ns), events


def replayed(lines: Sequence[TrackLine], *rules: Any) -> list[Replayed]:
    return list(replay(lines, RuleSet(list(rules)), names=NAMES))


def told(events: Iterator[RuleEvent] | Sequence[RuleEvent]) -> list[tuple[str, str, float]]:
    return sorted((event.rule, event.direction or event.kind, event.at.stream_s) for event in events)


CROWD = (
    WALK,
    Thing(path=along((3, 0.9, 0.6), (12, 0.1, 0.6)), start=3, end=12, id=8),
    Thing(
        path=along((1, 0.3, 0.4), (4, 0.55, 0.5), (9, 0.55, 0.5), (12, 0.9, 0.9)), start=1, end=12, id=9, label="car"
    ),
    Thing(path=still(0.6, 0.6), start=2, end=40, id=10),
)


@pytest.mark.parametrize("fps", FPS)
@pytest.mark.parametrize("kind", ["line_crossing", "intrusion", "region", "loitering", "occupancy"])
def test_the_same_events_as_live(kind: str, fps: float) -> None:
    options: dict[str, Any] = {"max": 1} if kind == "occupancy" else {}
    lines, live = lived(Film(CROWD, fps), [rule(kind, **options)])
    again = told([one.event for one in replayed(lines, rule(kind, **options))])
    assert live
    assert [row[:2] for row in again] == [row[:2] for row in told(live)]
    for (*_, then), (*_, now) in zip(told(live), again, strict=True):
        assert now == pytest.approx(then, abs=0.3)


def test_the_same_lines_give_the_same_events() -> None:
    lines, _ = lived(Film(CROWD, 10))
    assert replayed(lines, rule("region")) == replayed(lines, rule("region"))


def test_a_rule_drawn_later_is_run_over_what_is_kept() -> None:
    lines, _ = lived(Film(CROWD, 10))
    found = replayed(lines, rule("line_crossing", line=((0.3, 0.0), (0.3, 1.0))))
    assert {one.run for one in found} == {1}
    assert len(found) == 2
    assert all(one.event.rule_hash == "abc" and one.event.frame == 0 for one in found)


def test_lines_are_compact() -> None:
    (line,), _ = lived(Film([WALK], 25))
    assert len(line.at_ns) <= 12
    assert np.diff(line.at_ns).max() <= 1.05 * NS_PER_S
    halfway = np.interp(3.3, line.at_ns / NS_PER_S, (line.box[:, 0] + line.box[:, 2]) / 2)
    assert halfway == pytest.approx(WALK.path(3.3)[0], abs=0.005)


def test_corners_of_a_path_stay() -> None:
    turning = Thing(path=along((0, 0.1, 0.3), (2, 0.5, 0.3), (2.4, 0.5, 0.6), (5, 0.9, 0.6)), end=5)
    (line,), _ = lived(Film([turning], 25))
    for t in np.arange(0.0, 5.0, 0.1):
        x = np.interp(t, line.at_ns / NS_PER_S, (line.box[:, 0] + line.box[:, 2]) / 2)
        y = np.interp(t, line.at_ns / NS_PER_S, line.box[:, 3])
        assert (x, y) == pytest.approx(turning.path(float(t)), abs=0.006)


def test_line_tells_its_whole_life() -> None:
    (line,), _ = lived(Film([WALK], 10))
    assert (line.camera, line.run, line.track, line.label, line.aspect) == ("yard", 1, 7, "person", 1.0)
    assert (line.at_ns[0], line.at_ns[-1]) == (0, 8 * NS_PER_S)
    assert line.end_utc_ns - line.start_utc_ns == 8 * NS_PER_S
    assert line.ended_ns >= 10.9 * NS_PER_S
    assert line.score.tolist() == [0.8] * len(line.score)


def test_things_that_never_counted_are_not_kept() -> None:
    lines, _ = lived(Film([Thing(path=still(0.5, 0.5), end=0.0)], 10))
    assert lines == []


def test_a_track_that_takes_up_another_goes_on_with_its_line() -> None:
    first = Thing(path=along((0, 0.1, 0.5), (4, 0.5, 0.5)), end=3, id=1)
    second = Thing(path=along((0, 0.1, 0.5), (8, 0.9, 0.5)), start=4, end=8, id=2, continues=1)
    lines, live = lived(Film([first, second], 10), [rule("line_crossing", line=((0.45, 0.0), (0.45, 1.0)))])
    assert [line.track for line in lines] == [1]
    assert len(live) == 1
    assert len(replayed(lines, rule("line_crossing", line=((0.45, 0.0), (0.45, 1.0))))) == 1


def test_what_was_hidden_for_long_was_not_seen() -> None:
    """Gone from the zone for two seconds, then back: the visit has a break as it had live."""
    hidden = Thing(path=along((0, 0.1, 0.5), (2, 0.5, 0.5), (9, 0.55, 0.5), (11, 0.9, 0.5)), end=11,
                   unseen=lambda t: 4.0 < t < 6.9)  # fmt: skip
    lines, live = lived(Film([hidden], 10), [rule("loitering", dwell_s=4.0)])
    again = replayed(lines, rule("loitering", dwell_s=4.0))
    assert [row[:2] for row in told([one.event for one in again])] == [row[:2] for row in told(live)]


def test_long_tracks_come_in_pieces_that_count_once() -> None:
    rng = np.random.default_rng(1)
    wobble = rng.uniform(-0.01, 0.01, 60_000)
    restless = Thing(
        path=lambda t: (0.55 + float(wobble[round(t * 10)]), 0.5 + float(wobble[round(t * 10) + 1])), end=600.0
    )
    lines, live = lived(Film([restless], 10), [rule("region")])
    assert len(lines) == 2
    assert {line.track for line in lines} == {7}
    assert MOST_POINTS <= len(lines[0].at_ns) <= MOST_POINTS + 1
    assert lines[0].at_ns[-1] == lines[1].at_ns[0]
    assert lines[1].start_utc_ns - lines[0].start_utc_ns == lines[1].at_ns[0] - lines[0].at_ns[0]
    again = [one.event for one in replayed(lines, rule("region"))]
    assert [event.kind for event in again] == [event.kind for event in live] == ["appeared", "vanished"]


def test_several_runs_one_after_the_other() -> None:
    first, _ = lived(Film([WALK], 10), run=1)
    second = [
        replace(line, run=2, id=99, start_utc_ns=line.start_utc_ns + 3600 * NS_PER_S,
                end_utc_ns=line.end_utc_ns + 3600 * NS_PER_S)
        for line in first
    ]  # fmt: skip
    found = replayed([*first, *second], rule("line_crossing"))
    assert [one.run for one in found] == [1, 2]
    assert found[0].event.at.stream_ns == pytest.approx(found[1].event.at.stream_ns, abs=NS_PER_S / 100)
    assert found[1].event.at.utc_ns - found[0].event.at.utc_ns == pytest.approx(3600 * NS_PER_S, abs=NS_PER_S / 100)


def test_time_passes_between_visits_for_rules_that_wait() -> None:
    """The limit is exceeded while the one who came in by the line is out of sight."""
    options: dict[str, Any] = {"entrances": {"leader": "backward"}, "max": 0, "for_s": 300.0}
    visits = [replace(WALK, id=1), Thing(path=along((900, 0.1, 0.2), (904, 0.3, 0.2)), start=900, end=904, id=2)]
    lines, _ = lived(Film(visits, 5))
    found = replayed(lines, rule("line_crossing", id="leader"), rule("occupancy", **options))
    (exceeded,) = [one.event for one in found if one.event.kind == "exceeded"]
    assert exceeded.at.stream_s == pytest.approx(304.1, abs=1.0)


def test_nothing_kept_nothing_found() -> None:
    assert replayed([], rule("line_crossing")) == []


def test_a_class_that_nobody_knows_is_refused() -> None:
    lines, _ = lived(Film([WALK], 10))
    with pytest.raises(ValueError, match="zebra"):
        replayed([replace(lines[0], label="zebra")], rule("line_crossing"))


def test_few_lines_are_held_at_a_time() -> None:
    """Lines are taken from wherever they lie when their time has come, not before."""
    (line,), _ = lived(Film([WALK], 10))
    taken: list[int] = []

    def stored() -> Iterator[TrackLine]:
        for number in range(1000):
            taken.append(number)
            shift = number * 60 * NS_PER_S
            yield replace(
                line, track=number + 1, start_utc_ns=line.start_utc_ns + shift, at_ns=line.at_ns + shift,
                ended_ns=line.ended_ns + shift,
            )  # fmt: skip

    found = replay(stored(), RuleSet([rule("line_crossing")]), names=NAMES)
    next(found)
    assert len(taken) <= 3
