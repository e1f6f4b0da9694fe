"""Rules over the stored tracks of public clips find what they found live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import pytest

from vedette.analytics.replay import replay
from vedette.analytics.rules.base import RuleContext
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import SceneOptions
from vedette.analytics.track_lines import TrackLines
from vedette.analytics.tracking import Tracker, TrackerOptions
from vedette.config import CameraConfig, from_mapping
from vedette.engine.analyzer import Analyzer
from vedette.engine.pace import Pace
from vedette.model.events import RuleEvent
from vedette.model.track_line import TrackLine
from vedette.plugins import source_for
from vedette.vision.detectors.yolox import YoloxNanoOptions, build
from vedette.vision.perception import Perception

SCENE = SceneOptions(least_move=0.2, least_score=0.3, whole=frozenset({"person"}))
ZONE = [[0.3, 0.3], [0.7, 0.3], [0.7, 0.95], [0.3, 0.95]]
RULES: Mapping[str, object] = {
    "rules": [
        {"id": "left", "type": "line_crossing", "line": [[0.35, 0.0], [0.35, 1.0]], "labels": ["person"]},
        {"id": "middle", "type": "line_crossing", "line": [[0.5, 0.0], [0.5, 1.0]], "labels": ["person"]},
        {"id": "zone", "type": "intrusion", "zone": ZONE, "labels": ["person"]},
        {"id": "visits", "type": "region", "zone": ZONE, "labels": ["person"]},
        {"id": "stay", "type": "loitering", "zone": ZONE, "labels": ["person"], "dwell_s": 4.0},
    ]
}


def rules_of(config: CameraConfig) -> RuleSet:
    return RuleSet([rule.spec.build(rule.options, RuleContext(rule_hash=rule.hash)) for rule in config.rules])


def lived(path: Path, fps: float, end_s: float | None) -> tuple[list[RuleEvent], list[TrackLine]]:
    """Events of the clip as a camera, and what is kept of its tracks."""
    numbers, config = count(1), from_mapping(RULES)
    analyzer = Analyzer(
        Perception(build(YoloxNanoOptions())), Tracker(TrackerOptions(high=0.3, start=0.4)), rules_of(config), SCENE
    )
    lines, pace = TrackLines("clip", make_id=lambda utc_ns: next(numbers)), Pace(fps)  # noqa: ARG005
    events: list[RuleEvent] = []
    kept: list[TrackLine] = []
    stream = source_for(str(path)).open()
    for frame in stream.frames(0.0, end_s):
        if pace.takes(frame.at):
            step = analyzer.step(frame)
            events += step.events
            kept += lines.take(step.now, step.tracks, 1)
    stream.close()
    last = analyzer.finish()
    assert last is not None
    kept += lines.take(last.now, last.tracks, 1)
    return [*events, *last.events], sorted(kept, key=lambda line: line.start_utc_ns)


def tallied(events: list[RuleEvent]) -> dict[tuple[str, str], int]:
    tally: dict[tuple[str, str], int] = {}
    for event in events:
        key = (event.rule, event.direction or event.kind)
        tally[key] = tally.get(key, 0) + 1
    return tally


@pytest.mark.slow
@pytest.mark.parametrize(("clip", "fps", "end_s"), [("vtest.avi", 5.0, 40.0), ("TUD-Campus.mp4", 25.0, None)])
def test_stored_tracks_give_the_same_counts(
    footage: Callable[[str], Path], clip: str, fps: float, end_s: float | None
) -> None:
    live, lines = lived(footage(f"video/{clip}"), fps, end_s)
    again = [one.event for one in replay(lines, rules_of(from_mapping(RULES)), SCENE)]
    assert tallied(live)
    assert tallied(again) == tallied(live)
