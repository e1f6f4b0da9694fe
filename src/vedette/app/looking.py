"""How one camera's pictures are looked at: the same loop for a file and for a live camera."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vedette.analytics.rules.base import RuleContext
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import SceneOptions
from vedette.analytics.tracking import Tracker, TrackerOptions
from vedette.config import CameraConfig
from vedette.engine.analyzer import Analyzer
from vedette.model.detections import Tracks
from vedette.model.masks import Masks
from vedette.model.media import Frame
from vedette.model.ports import Detector, Perceiver, Sight
from vedette.vision.perception import Perception, PerceptionOptions

_LEAST_MOVE: Final = 0.2
_START_ABOVE: Final = 0.1


def detector_for(config: CameraConfig) -> Detector:
    """The detector as configured, loaded. Raises WeightsError."""
    spec, options = config.detector
    detector: Detector = spec.build(options)
    return detector


class Covered:
    """Implements the `Perceiver` port over another one that never gets to see what `masks` cover."""

    def __init__(self, perceiver: Perceiver, masks: Masks) -> None:
        self._perceiver, self._masks = perceiver, masks

    def perceive(self, frame: Frame, tracks: Tracks) -> Sight:
        """Objects in what is left of `frame`."""
        return self._perceiver.perceive(replace(frame, image=self._masks.cover(frame.image)), tracks)


def analyzer_for(config: CameraConfig, detector: Detector, masks: Masks | None = None) -> Analyzer:
    """The loop of one camera as configured; what `masks` cover is not looked at."""
    sure = config.detector[1].min_score
    overhead = config.view == "overhead"
    rules = [
        rule.spec.build(rule.options, RuleContext(rule_hash=rule.hash, overhead=overhead, zone=config.timezone))
        for rule in config.rules
    ]
    perception = Perception(detector, PerceptionOptions(view=config.view, mode=config.analysis.mode))
    return Analyzer(
        Covered(perception, masks) if masks else perception,
        Tracker(TrackerOptions(high=sure, start=min(sure + _START_ABOVE, 1.0))),
        RuleSet(rules),
        SceneOptions(
            least_move=0.0 if config.view == "moving" else _LEAST_MOVE,
            # From above the detector's scores mean as little as its classes.
            least_score=0.0 if overhead else sure,
            whole=frozenset({"person"}) if config.view == "oblique" else frozenset(),
        ),
    )
