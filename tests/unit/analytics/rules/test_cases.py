"""The cases that others get wrong, each at several frame rates and for every rule it applies to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from scenes import FPS, Film, Thing, along, events, kinds, rule, still, told
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import Scene
from vedette.model.detections import Tracks
from vedette.model.events import RuleEvent
from vedette.model.time import Instant

pytestmark = pytest.mark.parametrize("fps", FPS)
ABOUT_ZONES = ("intrusion", "region", "loitering", "occupancy", "dwell")
OPTIONS: dict[str, dict[str, Any]] = {"loitering": {"dwell_s": 0.5}, "occupancy": {"max": 0}}
OVERLAP: dict[str, Any] = {"overlap": 0.5}


def agree(found: Iterable[RuleEvent], truth: list[tuple[str, float]], fps: float) -> None:
    heard = told(found)
    assert [kind for kind, _ in heard] == [kind for kind, _ in truth], heard
    for (_, at), (_, true) in zip(heard, truth, strict=True):
        assert abs(at - true) <= 1.0 / fps + 1e-6, (heard, truth)


def values_after(kind: str, *things: Thing, fps: float, **options: Any) -> Any:  # noqa: ANN401 - plain JSON
    made = rule(kind, **options)
    events(made, *things, fps=fps)
    return made.values()


# -- 1: flicker -----------------------------------------------------------------------------------------------------

FLICKERS = Thing(path=still(0.3, 0.5), end=6, flickers=dict.fromkeys((1.0, 3.0, 5.0), (0.6, 0.5)))
ONE_FLICKER = Thing(path=still(0.3, 0.5), end=6, flickers={2.0: (0.6, 0.5)})


@pytest.mark.parametrize("thing", [ONE_FLICKER, FLICKERS], ids=["one", "three"])
@pytest.mark.parametrize("kind", ["line_crossing", *ABOUT_ZONES])
def test_flicker_says_nothing(kind: str, thing: Thing, fps: float) -> None:
    assert events(rule(kind, **OPTIONS.get(kind, {})), thing, fps=fps) == []


def test_flicker_of_boxes_over_the_limit_of_overlap_says_nothing(fps: float) -> None:
    assert events(rule("intrusion", **OVERLAP), FLICKERS, fps=fps) == []


def test_flicker_across_and_beyond_a_zone_says_nothing(fps: float) -> None:
    thing = Thing(path=still(0.3, 0.5), end=6, flickers=dict.fromkeys((1.0, 3.0, 5.0), (0.9, 0.5)))
    assert events(rule("region"), thing, fps=fps) == []


@pytest.mark.parametrize("thing", [ONE_FLICKER, FLICKERS], ids=["one", "three"])
def test_flicker_inside_hides_nobody(thing: Thing, fps: float) -> None:
    inside = Thing(path=still(0.5, 0.5), end=6, flickers=dict.fromkeys(thing.flickers, (0.2, 0.5)))
    assert kinds(events(rule("region"), inside, fps=fps)) == ["appeared", "vanished"]
    assert kinds(events(rule("intrusion"), inside, fps=fps)) == ["intruded", "cleared"]
    assert kinds(events(rule("loitering", dwell_s=5.0), inside, fps=fps)) == ["loitered", "cleared"]


def test_flicker_is_no_visit_and_no_count(fps: float) -> None:
    assert values_after("dwell", FLICKERS, fps=fps)["n"] == 0
    total = rule("count")
    events([rule("line_crossing"), rule("region"), total], FLICKERS, fps=fps)
    assert total.values()["total"] == {}


# -- 2: no identity -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["line_crossing", *ABOUT_ZONES])
def test_objects_without_identity_share_no_state(kind: str, fps: float) -> None:
    left = Thing(path=along((0, 0.1, 0.5), (3, 0.3, 0.5)), end=3, id=-1)
    right = Thing(path=along((0, 0.6, 0.5), (3, 0.9, 0.5)), end=3, id=-1)
    scene, rules = Scene(1.0), RuleSet([rule(kind, **OPTIONS.get(kind, {}))])
    found: list[RuleEvent] = []
    for thing in (left, right) * 3:
        for tracks, at, index in Film([thing], fps).tracks():
            later = at.shifted(round(20e9) * (1 + index))
            found += rules.update(scene.observe(tracks, later, index))
    assert found == []


# -- 3: round the end -----------------------------------------------------------------------------------------------


def test_round_the_end_of_a_line_is_no_crossing(fps: float) -> None:
    short = rule("line_crossing", line=((0.5, 0.0), (0.5, 0.6)))
    walk = along((0, 0.3, 0.5), (1, 0.3, 0.8), (2, 0.7, 0.8), (3, 0.7, 0.5))
    assert events(short, Thing(path=walk, end=3), fps=fps) == []
    there_and_back = along((0, 0.3, 0.5), (1, 0.3, 0.8), (2, 0.7, 0.8), (3, 0.7, 0.5), (5, 0.3, 0.5))
    agree(events(short, Thing(path=there_and_back, end=6), fps=fps), [("forward", 4.0)], fps)


# -- 4: fast --------------------------------------------------------------------------------------------------------


def test_fast_object_counts_once(fps: float) -> None:
    run = Thing(path=lambda t: (0.1 + 0.9 * t, 0.5), end=0.9)
    agree(events(rule("line_crossing"), run, fps=fps), [("backward", 0.4 / 0.9)], fps)
    agree(events(rule("region"), run, fps=fps), [("entered", 1 / 3), ("left", 2 / 3)], fps)
    agree(events(rule("intrusion"), run, fps=fps), [("intruded", 1 / 3), ("cleared", 2 / 3)], fps)
    assert values_after("dwell", run, fps=fps)["n"] == 1


def test_object_seen_once_before_and_once_after_counts_once(fps: float) -> None:
    jump = Thing(path=along((0, 0.1, 0.5), (1 / fps, 0.9, 0.5)), end=1 / fps)
    assert kinds(events(rule("line_crossing"), jump, fps=fps)) == ["backward"]
    assert kinds(events(rule("region"), jump, fps=fps)) == ["entered", "left"]


# -- 5: swaying -----------------------------------------------------------------------------------------------------


def test_swaying_on_the_line_counts_at_most_once(fps: float) -> None:
    def path(t: float) -> tuple[float, float]:
        return (0.5 + 0.015 * math.sin(7.0 * t) if t < 60 else 0.5 + 0.2 * (t - 60), 0.5)

    def arriving(t: float) -> tuple[float, float]:
        return path(t) if t > 0 else (0.5 + 0.2 * t, 0.5)

    assert events(rule("line_crossing"), Thing(path=path, end=61.5), fps=fps) == []
    swaying = Thing(path=arriving, start=-1.5, end=59)
    assert events(rule("line_crossing"), swaying, fps=fps, phase=-1.0) == []
    through = Thing(path=arriving, start=-1.5, end=61.5)
    assert kinds(events(rule("line_crossing"), through, fps=fps, phase=-1.0)) == ["backward"]


def test_swaying_on_the_border_of_a_zone_is_one_visit(fps: float) -> None:
    sway = Thing(path=lambda t: (0.4 + 0.015 * math.sin(7.0 * t), 0.5), end=60)
    assert len(events(rule("region"), sway, fps=fps)) <= 2
    assert kinds(events(rule("intrusion"), sway, fps=fps)) in ([], ["intruded", "cleared"])
    assert len(events(rule("intrusion", **OVERLAP), sway, fps=fps)) <= 2
    assert values_after("dwell", sway, fps=fps)["n"] <= 1


# -- 6: in and out again --------------------------------------------------------------------------------------------

IN_AND_OUT = along((0, 0.2, 0.5), (1, 0.5, 0.5), (1.5, 0.65, 0.5), (2.0, 0.5, 0.5), (3, 0.2, 0.5))


def test_in_and_out_within_two_seconds_is_one_each_way(fps: float) -> None:
    thing = Thing(path=IN_AND_OUT, end=3)
    agree(events(rule("line_crossing"), thing, fps=fps), [("backward", 1.0), ("forward", 2.0)], fps)
    agree(events(rule("region"), thing, fps=fps), [("entered", 2 / 3), ("left", 7 / 3)], fps)
    agree(events(rule("intrusion"), thing, fps=fps), [("intruded", 2 / 3), ("cleared", 7 / 3)], fps)


def test_dedup_folds_in_and_out(fps: float) -> None:
    folding = rule("line_crossing", dedup_s=2.0)
    assert events(folding, Thing(path=IN_AND_OUT, end=3), fps=fps) == []
    one_way = Thing(path=lambda t: (0.2 + 0.15 * t, 0.5), end=4)
    agree(events(rule("line_crossing", dedup_s=2.0), one_way, fps=fps), [("backward", 2.0)], fps)


def test_dedup_waits_for_a_return_that_has_begun(fps: float) -> None:
    slow = along((0, 0.3, 0.5), (1, 0.5, 0.5), (1.3, 0.6, 0.5), (1.4, 0.53, 0.5), (2.9, 0.5, 0.5), (5, 0.45, 0.5))
    assert events(rule("line_crossing", dedup_s=2.0), Thing(path=slow, end=6), fps=fps) == []


# -- 7 and 8: staying -----------------------------------------------------------------------------------------------


def visits(length: float, away: float, times: int) -> Thing:
    stops = []
    for k in range(times):
        t = k * (length + away) + 1.0
        stops += [
            (t - 1.0, 0.1, 0.5),
            (t + 1 / 3, 0.5, 0.5),
            (t + length - 1 / 3, 0.5, 0.5),
            (t + length + 1.0, 0.1, 0.5),
        ]
    return Thing(path=along(*stops), end=times * (length + away))


def test_three_short_visits_are_no_long_one(fps: float) -> None:
    thing = visits(1.6, 10.0, 3)
    assert events(rule("loitering", dwell_s=4.0, reset="exit"), thing, fps=fps) == []
    assert events(rule("loitering", dwell_s=4.0, reset="grace", grace_s=2.0), thing, fps=fps) == []
    assert events(rule("intrusion", dwell_s=4.0), thing, fps=fps) == []
    adding = events(rule("loitering", dwell_s=4.0, reset="cumulative"), thing, fps=fps)
    assert kinds(adding) == ["loitered", "cleared"]
    assert abs(adding[0].at.stream_s - (1.0 + 2 * 11.6 + 0.8)) <= 3 / fps
    assert values_after("dwell", thing, fps=fps)["n"] == 3


def test_grace_bridges_short_absences(fps: float) -> None:
    thing = visits(3.0, 2.0, 2)
    found = events(rule("loitering", dwell_s=4.0, reset="grace", grace_s=2.5), thing, fps=fps)
    assert kinds(found) == ["loitered", "cleared"]
    assert abs(found[0].at.stream_s - (1.0 + 3.0 + 2.0 + 1.0)) <= 3 / fps
    assert abs(found[1].at.stream_s - 9.0) <= 1 / fps
    assert events(rule("loitering", dwell_s=4.0, reset="exit"), thing, fps=fps) == []


STAY = along((0, 0.1, 0.5), (1, 0.4, 0.5), (1.5, 0.55, 0.5), (5.5, 0.55, 0.5), (6, 0.7, 0.5), (7, 0.95, 0.5))


@pytest.mark.parametrize("lost", range(3), ids=["a", "b", "c"])
@pytest.mark.parametrize("kind", ["loitering", "intrusion"])
def test_true_stay_fires_when_two_thirds_of_the_frames_are_lost(kind: str, lost: int, fps: float) -> None:
    made = rule(kind, dwell_s=4.0)
    found = events(made, Thing(path=STAY, end=7), fps=fps, skip=lambda index: index % 3 != lost)
    agree(found, [(found[0].kind, 5.0), ("cleared", 6.0)], fps / 3)
    assert found[0].kind in {"loitered", "intruded"}


@pytest.mark.parametrize("kind", ["loitering", "intrusion"])
def test_stay_while_unseen_in_between_counts(kind: str, fps: float) -> None:
    hidden = Thing(path=STAY, end=7, unseen=lambda t: 2.1 < t < 4.4)
    found = events(rule(kind, dwell_s=4.0), hidden, fps=fps)
    agree(found, [(found[0].kind, 5.0), ("cleared", 6.0)], fps)


@pytest.mark.parametrize("kind", ["loitering", "intrusion"])
def test_time_is_reached_between_frames(kind: str, fps: float) -> None:
    found = events(rule(kind, dwell_s=3.77), Thing(path=STAY, end=7), fps=fps)
    agree(found[:1], [(found[0].kind, 4.77)], fps)
    assert found[0].value == 3.77
    assert found[0].known_at.stream_s - found[0].at.stream_s <= 1 / fps + 1e-6


# -- 9: the end of a track ------------------------------------------------------------------------------------------


def test_track_that_ends_just_past_counts_and_on_it_does_not(fps: float) -> None:
    past = Thing(path=along((0, 0.2, 0.5), (2, 0.6, 0.5), (2.0 + 1 / fps, 0.6, 0.5)), end=2 + 1 / fps + 1e-6)
    on = Thing(path=along((0, 0.2, 0.5), (2, 0.5, 0.5)), end=3)
    agree(events(rule("line_crossing"), past, fps=fps), [("backward", 1.5)], fps)
    assert events(rule("line_crossing"), on, fps=fps) == []


def test_track_that_ends_just_inside_entered_and_vanished(fps: float) -> None:
    past = Thing(path=along((0, 0.2, 0.5), (2, 0.5, 0.5), (2.0 + 1 / fps, 0.5, 0.5)), end=2 + 1 / fps + 1e-6)
    on = Thing(path=along((0, 0.1, 0.5), (2, 0.399, 0.5)), end=2)
    agree(events(rule("region"), past, fps=fps), [("entered", 4 / 3), ("vanished", 2 + 1 / fps)], fps)
    assert events(rule("region"), on, fps=fps) == []


# -- 10: identity switches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stitched", [False, True])
def test_identity_switch_on_the_line(stitched: bool, fps: float) -> None:
    def path(t: float) -> tuple[float, float]:
        return 0.2 + 0.15 * t, 0.5

    before = Thing(path=path, end=1.9, id=7)
    after = Thing(path=path, start=2.1, end=4, id=8, continues=7 if stitched else 0)
    found = events(rule("line_crossing"), before, after, fps=fps)
    if stitched:
        agree(found, [("backward", 2.0)], fps)
        assert found[0].track == 8
    else:
        assert len(found) <= 1


@pytest.mark.parametrize("kind", ["loitering", "intrusion"])
def test_stitching_goes_on_with_the_clock(kind: str, fps: float) -> None:
    before = Thing(path=STAY, end=3.0, id=7)
    after = Thing(path=STAY, start=3.5, end=7, id=8, continues=7)
    found = events(rule(kind, dwell_s=4.0), before, after, fps=fps)
    agree(found, [(found[0].kind, 5.0), ("cleared", 6.0)], fps)
    assert values_after("dwell", before, after, fps=fps)["n"] == 1


# -- 12: clocks -----------------------------------------------------------------------------------------------------


def test_step_of_the_wall_clock_changes_nothing(fps: float) -> None:
    def stepping(t: float) -> float:
        return -3600.0 if t > 1.9 else 0.0

    walk = Thing(path=lambda t: (0.2 + 0.15 * t, 0.5), end=4)
    found = events(rule("line_crossing"), walk, fps=fps, utc_step=stepping)
    agree(found, [("backward", 2.0)], fps)
    assert found[0].at.utc_ns - found[0].at.stream_ns == round((1_000_000.0 - 3600.0) * 1e9)
    stay = Thing(path=STAY, end=7)
    agree(
        events(rule("loitering", dwell_s=4.0), stay, fps=fps, utc_step=stepping), [("loitered", 5), ("cleared", 6)], fps
    )
    dwelt = rule("dwell")
    events(dwelt, stay, fps=fps, utc_step=stepping)
    assert dwelt.values()["n"] == 1
    assert abs(dwelt.values()["mean_s"] - 5.0) <= 2 / fps
    heat = rule("heat_map", grid=(4, 4))
    events(heat, stay, fps=fps, utc_step=stepping)
    assert min(map(min, heat.values()["rows"])) >= 0.0


def test_frames_that_come_twice_count_once(fps: float) -> None:
    walk = Thing(path=lambda t: (0.2 + 0.15 * t, 0.5), end=4)
    agree(events(rule("line_crossing"), walk, fps=fps, copies=3), [("backward", 2.0)], fps)
    agree(events(rule("region"), walk, fps=fps, copies=3), [("entered", 4 / 3), ("left", 10 / 3)], fps)
    for kind in ("line_crossing", "region", "intrusion"):
        assert events(rule(kind), FLICKERS, fps=fps, copies=3) == []


def test_time_that_jumps_is_not_spent_inside(fps: float) -> None:
    thing = Thing(path=still(0.5, 0.5), end=2.0)
    scene, made = Scene(1.0), RuleSet([rule("loitering", dwell_s=60.0), rule("dwell"), rule("heat_map", grid=(1, 1))])
    found: list[RuleEvent] = []
    late = 0
    for tracks, at, index in Film([thing], fps).tracks():
        late = 3600_000_000_000 if at.stream_s > 1.0 else 0
        found += made.update(scene.observe(tracks, Instant(at.stream_ns + late, at.utc_ns + late), index))
    assert found == []
    assert 0.0 < made.values()["dwell"]["max_s"] < 10.0  # type: ignore[operator]
    assert made.values()["heat_map"]["rows"][0][0] < 10.0  # type: ignore[index]


# -- the past of an object, and objects that turn out not to be -----------------------------------------------------


def test_path_before_confirmation_is_judged(fps: float) -> None:
    walk = Thing(path=lambda t: (0.45 + 0.15 * t, 0.5), end=4)
    agree(events(rule("line_crossing"), walk, fps=fps), [("backward", 1 / 3)], fps)


def test_hidden_crossing_counts_when_seen_again(fps: float) -> None:
    hidden = Thing(path=lambda t: (0.2 + 0.15 * t, 0.5), end=4, unseen=lambda t: 1.0 < t < 3.0)
    agree(events(rule("line_crossing"), hidden, fps=fps), [("backward", 2.0)], fps)
    agree(events(rule("region"), hidden, fps=fps), [("entered", 4 / 3), ("left", 10 / 3)], fps)
    never_again = Thing(path=lambda t: (0.2 + 0.15 * t, 0.5), end=1.0)
    assert events(rule("line_crossing"), never_again, fps=fps) == []


def test_unconfirmed_object_takes_part_in_nothing(fps: float) -> None:
    scene = Scene(1.0)
    made = RuleSet([rule(kind, **OPTIONS.get(kind, {})) for kind in ("line_crossing", *ABOUT_ZONES)])
    found: list[RuleEvent] = []
    for tracks, at, index in Film([Thing(path=STAY, end=7)], fps).tracks():
        doubtful = Tracks(
            tracks.id,
            tracks.box,
            tracks.score,
            tracks.label,
            np.zeros_like(tracks.state),
            tracks.seen,
            tracks.born_ns,
            tracks.continues,
            tracks.ended,
            tracks.names,
        )
        found += made.update(scene.observe(doubtful, at, index))
    assert found == []
    assert made.values()["dwell"]["n"] == 0
