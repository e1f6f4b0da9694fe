"""One camera's loop: frame, objects, tracks, observations, events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from vedette.analytics.scene import Scene, SceneOptions
from vedette.model.detections import Detections, Tracks
from vedette.model.events import RuleEvent
from vedette.model.media import Frame
from vedette.model.observations import Fact, Observations, Subjects
from vedette.model.ports import Perceiver, Sight, Tracker
from vedette.model.step import Step
from vedette.model.time import Instant


class Rules(Protocol):
    """The rules of one camera as one."""

    def update(self, now: Observations) -> list[RuleEvent]:
        """Events that this moment brings."""
        ...

    def values(self) -> Mapping[str, Mapping[str, object]]:
        """Present figures by rule id."""
        ...


class Analyzer:
    """Carries what one camera's analysis remembers from frame to frame.

    Frames come in order of capture time. The picture's shape may change after `finish`, not before.
    """

    def __init__(self, perceiver: Perceiver, tracker: Tracker, rules: Rules, scene: SceneOptions | None = None) -> None:
        self._perceiver = perceiver
        self._tracker = tracker
        self._rules = rules
        self._scene_options = scene
        self._scene: Scene | None = None
        self._tracks = Tracks()
        self._last: Frame | None = None
        self._aspect = 16.0 / 9.0
        self.analyzed = 0
        self.inferences = 0

    def step(self, frame: Frame) -> Step:
        """Analyse one frame."""
        if self._scene is None:
            self._aspect = frame.width / frame.height
            self._scene = Scene(self._aspect, self._scene_options)
        sight = self._perceiver.perceive(frame, self._tracks)
        self._tracks = self._tracker.update(sight.detections, frame.at)
        now = self._scene.observe(self._tracks, frame.at, frame.index, sight.facts)
        self._last = frame
        self.analyzed += 1
        self.inferences += sight.inferences
        return Step(frame, sight, self._tracks, now, tuple(self._rules.update(now)))

    def finish(self) -> Step | None:
        """End the run: every track ends, and the rules judge what was still open. None when there was no frame.

        Another run may follow, at later times; the rules remember what they remember.
        """
        if self._last is None or self._scene is None:
            return None
        frame, scene = self._last, self._scene
        self._last = self._scene = None
        self._tracks = self._tracker.finish(frame.at)
        now = scene.observe(self._tracks, frame.at, frame.index)
        return Step(
            frame, Sight(Detections(names=self._tracks.names)), self._tracks, now, tuple(self._rules.update(now))
        )

    def without_picture(self, at: Instant, facts: tuple[Fact, ...] = ()) -> tuple[RuleEvent, ...]:
        """A moment of which there is no picture, after `finish`: time passes, and `facts` are all that is known."""
        subjects = Subjects.none(self._tracks.names)
        return tuple(self._rules.update(Observations(at, 0, self._aspect, subjects, facts)))

    def replace_rules(self, rules: Rules) -> None:
        """Judge by other rules from the next frame on. Tracks go on."""
        self._rules = rules

    def values(self) -> Mapping[str, Mapping[str, object]]:
        """Present figures of every rule, by rule id."""
        return self._rules.values()
