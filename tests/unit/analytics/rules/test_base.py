from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest

from scenes import FPS, NAMES, Film, Thing, along, events, kinds, rule, still
from vedette.analytics.rules.base import SubjectRule
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import Scene
from vedette.analytics.schedule import Period
from vedette.model.events import RuleEvent

IN_AND_OUT = Thing(path=along((0, 0.1, 0.5), (8, 0.9, 0.5)), end=8)


@pytest.mark.parametrize("fps", FPS)
def test_findings_wait_for_the_vote_on_the_label(fps: float) -> None:
    """Taken for a car for a second, and for a person from then on."""
    scene, rules = Scene(1.0), RuleSet([rule("line_crossing", labels=("person",))])
    found: list[RuleEvent] = []
    walk = Thing(path=lambda t: (0.4 + 0.15 * t, 0.5), end=4)
    for tracks, at, index in Film([walk], fps).tracks():
        label = NAMES.index("car") if at.stream_s < 1.2 else NAMES.index("person")
        found += rules.update(scene.observe(replace(tracks, label=tracks.label * 0 + label), at, index))
    assert kinds(found) == ["backward"]
    assert found[0].label == "person"
    assert found[0].at.stream_s == pytest.approx(0.1 / 0.15, abs=1 / fps)
    assert found[0].known_at.stream_s > 2.0


def test_end_without_a_beginning_is_not_told() -> None:
    """Armed only after somebody is inside already."""
    late = (Period(start=time(12, 0, 4), end=time(13)),)
    noon = 12 * 3600.0
    assert events(rule("intrusion", schedule=late), IN_AND_OUT, fps=10, start_utc_s=noon) == []


def test_beginning_is_ended_even_when_not_armed_any_more() -> None:
    early = (Period(start=time(11), end=time(12, 0, 4)),)
    found = events(rule("intrusion", schedule=early), IN_AND_OUT, fps=10, start_utc_s=12 * 3600.0)
    assert kinds(found) == ["intruded", "cleared"]


def test_cooldown_holds_back_the_end_with_the_beginning() -> None:
    second = replace(IN_AND_OUT, id=8, path=along((2, 0.1, 0.5), (10, 0.9, 0.5)), start=2, end=10)
    found = events(rule("intrusion", cooldown_s=30.0), IN_AND_OUT, second, fps=10)
    assert [(event.kind, event.track) for event in found] == [("intruded", 7), ("cleared", 7)]


def test_end_is_told_even_if_the_subject_shrank_too_much() -> None:
    scene, rules = Scene(1.0), RuleSet([rule("intrusion", min_size=0.15)])
    found: list[RuleEvent] = []
    for tracks, at, index in Film([IN_AND_OUT], 10).tracks():
        box = tracks.box.copy()
        if at.stream_s > 4.5:
            box[:, 1] += 0.1
            box[:, 0] += 0.03
            box[:, 2] -= 0.03
        found += rules.update(scene.observe(replace(tracks, box=box), at, index))
    assert kinds(found) == ["intruded", "cleared"]


def test_who_is_never_judged_fills_no_memory() -> None:
    made = rule("line_crossing", labels=("person",))
    assert isinstance(made, SubjectRule)
    pacing = Thing(path=lambda t: (0.5 + (0.2 if int(t) % 4 < 2 else -0.2), 0.5), end=400, label="car")
    most = 0
    for now in Film([pacing], 5).moments():
        assert made.update(now) == []
        most = max(most, len(made._drafts))
    assert 0 < most <= 10


def test_two_on_one_spot_are_two() -> None:
    twins = [Thing(path=still(0.5, 0.5), end=3, id=i) for i in (1, 2)]
    assert kinds(events(rule("region"), *twins, fps=10)) == ["appeared"] * 2 + ["vanished"] * 2
