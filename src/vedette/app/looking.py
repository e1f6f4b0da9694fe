"""How one camera's pictures are looked at: the same loop for a file and for a live camera."""

from __future__ import annotations

from typing import Final

from vedette.analytics.rules.base import RuleContext
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import SceneOptions
from vedette.analytics.tracking import Tracker, TrackerOptions
from vedette.config import CameraConfig
from vedette.engine.analyzer import Analyzer
from vedette.model.ports import Detector
from vedette.vision.perception import Perception, PerceptionOptions

_LEAST_MOVE: Final = 0.2
_START_ABOVE: Final = 0.1


def detector_for(config: CameraConfig) -> Detector:
    """The detector as configured, loaded. Raises WeightsError."""
    spec, options = config.detector
    detector: Detector = spec.build(options)
    return detector


def analyzer_for(config: CameraConfig, detector: Detector) -> Analyzer:
    """The loop of one camera as configured."""
    sure = config.detector[1].min_score
    overhead = config.view == "overhead"
    rules = [
        rule.spec.build(rule.options, RuleContext(rule_hash=rule.hash, overhead=overhead, zone=config.timezone))
        for rule in config.rules
    ]
    return Analyzer(
        Perception(detector, PerceptionOptions(view=config.view, mode=config.analysis.mode)),
        Tracker(TrackerOptions(high=sure, start=min(sure + _START_ABOVE, 1.0))),
        RuleSet(rules),
        SceneOptions(
            least_move=0.0 if config.view == "moving" else _LEAST_MOVE,
            # From above the detector's scores mean as little as its classes.
            least_score=0.0 if overhead else sure,
            whole=frozenset({"person"}) if config.view == "oblique" else frozenset(),
        ),
    )
