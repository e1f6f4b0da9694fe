"""How one camera's pictures are looked at: the same loop for a file and for a live camera."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vedette.analytics.rules.base import RuleContext
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import SceneOptions
from vedette.analytics.tracking import Tracker, TrackerOptions
from vedette.config import CameraConfig, RuleDefinition
from vedette.engine.analyzer import Analyzer, Rules
from vedette.model.detections import Tracks
from vedette.model.masks import Masks
from vedette.model.media import Frame
from vedette.model.ports import Detector, Perceiver, Rule, Sight
from vedette.vision.perception import Perception, PerceptionOptions
from vedette.vision.tamper import Guarded

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


def built(rule: RuleDefinition, config: CameraConfig) -> Rule:
    """A rule of a camera, with nothing remembered yet."""
    context = RuleContext(rule_hash=rule.hash, overhead=config.view == "overhead", zone=config.timezone)
    made: Rule = rule.spec.build(rule.options, context)
    return made


def analyzer_for(
    config: CameraConfig, detector: Detector, masks: Masks | None = None, rules: Rules | None = None
) -> Analyzer:
    """The loop of one camera as configured; what `masks` cover is not looked at. `rules` stand for the configured."""
    sure = config.detector[1].min_score
    looking: Perceiver = Perception(detector, PerceptionOptions(view=config.view, mode=config.analysis.mode))
    if guarded(config):
        looking = Guarded(looking)
    return Analyzer(
        Covered(looking, masks) if masks else looking,
        Tracker(TrackerOptions(high=sure, start=min(sure + _START_ABOVE, 1.0))),
        RuleSet([built(rule, config) for rule in config.rules]) if rules is None else rules,
        scene_options(config),
    )


def guarded(config: CameraConfig) -> bool:
    """Whether the picture is watched for tampering: a rule asks for it, and the picture is a fixed one."""
    return config.view != "moving" and any(rule.spec.name == "tamper" for rule in config.rules)


def scene_options(config: CameraConfig) -> SceneOptions:
    """What a track has to show before rules may judge it."""
    overhead = config.view == "overhead"
    return SceneOptions(
        least_move=0.0 if config.view == "moving" else _LEAST_MOVE,
        # From above the detector's scores mean as little as its classes.
        least_score=0.0 if overhead else config.detector[1].min_score,
        whole=frozenset({"person"}) if config.view == "oblique" else frozenset(),
    )
