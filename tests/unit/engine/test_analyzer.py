from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from fakes import blank, instant, people
from vedette.analytics.tracking import Tracker
from vedette.engine.analyzer import Analyzer
from vedette.model.detections import Detections, Tracks
from vedette.model.events import RuleEvent
from vedette.model.media import Frame
from vedette.model.observations import Fact, Observations
from vedette.model.ports import Sight


@dataclass
class Script:
    """A perceiver that sees the box of each frame, and keeps what tracks it was told of."""

    seen: dict[int, Detections] = field(default_factory=dict)
    told: list[Tracks] = field(default_factory=list)
    inferences: int = 2

    def perceive(self, frame: Frame, tracks: Tracks) -> Sight:
        self.told.append(tracks)
        found = self.seen.get(frame.index, Detections(names=people().names))
        return Sight(found, self.inferences, (Fact("covered", frame.at),) if frame.index == 3 else ())


@dataclass
class Witness:
    """Rules that keep every moment and answer with an event for each."""

    moments: list[Observations] = field(default_factory=list)

    def update(self, now: Observations) -> list[RuleEvent]:
        self.moments.append(now)
        return [RuleEvent("all", "hash", "seen", now.at, now.frame, now.at, value=float(len(now.subjects)))]

    def values(self) -> Mapping[str, Mapping[str, object]]:
        return {"all": {"moments": len(self.moments)}}


def frame(index: int, fps: float = 10.0) -> Frame:
    return Frame(blank(160, 90), instant(index / fps), index)


def walking(index: int) -> Detections:
    left = 0.1 + index * 0.02
    return people((left, 0.3, left + 0.1, 0.7))


def made(frames: range) -> tuple[Analyzer, Script, Witness]:
    script, witness = Script({index: walking(index) for index in frames}), Witness()
    return Analyzer(script, Tracker(), witness), script, witness


def test_finishing_without_a_frame_says_nothing() -> None:
    analyzer, _, witness = made(range(0))
    assert analyzer.finish() is None
    assert witness.moments == []
    assert (analyzer.analyzed, analyzer.inferences) == (0, 0)
    assert analyzer.values() == {"all": {"moments": 0}}


def test_a_step_carries_frame_sight_tracks_moment_and_events() -> None:
    analyzer, script, witness = made(range(10))
    steps = [analyzer.step(frame(index)) for index in range(10)]
    last = steps[-1]
    assert last.frame.index == last.now.frame == last.events[0].frame == 9
    assert last.now.at == last.frame.at
    assert last.now.aspect == pytest.approx(16 / 9)
    assert len(last.sight.detections) == len(last.tracks) == len(last.now.subjects) == 1
    assert last.now.subjects.track[0] == last.tracks.id[0]
    assert (analyzer.analyzed, analyzer.inferences) == (10, 20)
    assert [step.now for step in steps] == witness.moments
    assert steps[3].now.facts == (Fact("covered", frame(3).at),)
    assert steps[4].now.facts == ()
    assert analyzer.values() == {"all": {"moments": 10}}
    assert len(script.told[0]) == 0
    assert all(told is step.tracks for told, step in zip(script.told[1:], steps, strict=False))


def test_rules_are_asked_when_nothing_is_seen_too() -> None:
    analyzer, _, witness = made(range(0))
    for index in range(5):
        analyzer.step(frame(index))
    assert [len(now.subjects) for now in witness.moments] == [0] * 5


def test_at_the_end_every_subject_goes_and_rules_judge_once_more() -> None:
    analyzer, _, witness = made(range(10))
    for index in range(10):
        analyzer.step(frame(index))
    last = analyzer.finish()
    assert last is not None
    assert len(last.tracks) == 0
    assert len(last.tracks.ended) == 1
    assert last.now.subjects.gone.tolist() == [True]
    assert last.now.at == frame(9).at
    assert last.frame.index == 9
    assert len(last.events) == 1
    assert (last.sight.inferences, len(last.sight.detections)) == (0, 0)
    assert len(witness.moments) == 11
    assert (analyzer.analyzed, analyzer.inferences) == (10, 20)


def test_frame_times_may_repeat_and_leap() -> None:
    analyzer, _, witness = made(range(40))
    times = [0.0, 0.0, 0.1, 0.1, 0.2, 0.3, 60.0, 60.0, 60.1]
    for index, second in enumerate(times):
        analyzer.step(Frame(blank(160, 90), instant(second), index))
    assert analyzer.finish() is not None
    assert np.all(np.diff([now.at.stream_ns for now in witness.moments]) >= 0)
    assert all(np.isfinite(now.subjects.bottom).all() for now in witness.moments)
    # Somebody seen again after a minute is somebody else.
    before, after = witness.moments[5].subjects.key, witness.moments[8].subjects.key
    assert not set(before.tolist()) & set(after.tolist())
