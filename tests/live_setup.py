"""One camera's live analysis put together as a person would configure it, with parts that the test controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from live_camera import UTC_NS, BrightDetector
from vedette.analytics.rules.base import RuleContext
from vedette.analytics.scene import SceneOptions
from vedette.analytics.tracking import Tracker
from vedette.clock import SimulatedClock
from vedette.config import from_mapping
from vedette.engine.analyzer import Analyzer
from vedette.engine.live.camera import CameraAnalysis
from vedette.engine.live.ports import Alone, CameraSetup, LiveRule
from vedette.engine.live.reporting import Reporter
from vedette.engine.pace import Pace
from vedette.model.errors import DatabaseError
from vedette.model.health import Alarm
from vedette.model.incidents import Incident, StoredEvent
from vedette.model.media import Packet
from vedette.model.news import AlarmChanged, News, TracksSeen
from vedette.model.ports import Perceiver
from vedette.model.track_line import TrackLine
from vedette.video.decode_options import DecodeOptions
from vedette.video.decode_policy import DecodePolicy
from vedette.vision.motion import MotionProbe
from vedette.vision.perception import Perception

SCENE = SceneOptions(least_move=0.2, least_score=0.3)
GATE = {"id": "gate", "type": "line_crossing", "line": [[0.5, 0.0], [0.5, 1.0]], "labels": ["person"]}


def live_rules(*rules: dict[str, Any]) -> tuple[LiveRule, ...]:
    """Rules as a file gives them, ready for live analysis."""
    config = from_mapping({"rules": list(rules)})
    return tuple(
        LiveRule(
            id=rule.id,
            hash=rule.hash,
            build=lambda rule=rule: rule.spec.build(rule.options, RuleContext(rule_hash=rule.hash)),  # type: ignore[misc]
            severity=rule.options.severity,
            on_blind=rule.options.on_blind,
        )
        for rule in config.rules
    )


def setup(
    *rules: dict[str, Any] | LiveRule,
    camera: str = "yard",
    fps: float | None = 10.0,
    perceiver: Callable[[Perceiver], Perceiver] = lambda perceiver: perceiver,
    options: DecodeOptions | None = None,
    **more: Any,
) -> CameraSetup:
    """A camera with these rules."""
    options = options or DecodeOptions(small_px=0)
    configured = live_rules(*(rule for rule in rules if isinstance(rule, dict)))
    own = tuple(rule for rule in rules if isinstance(rule, LiveRule))
    return CameraSetup(
        camera=camera,
        rules=configured + own,
        analyzer=lambda detector, ruleset: Analyzer(perceiver(Perception(detector)), Tracker(), ruleset, SCENE),
        decoding=lambda: DecodePolicy(MotionProbe(), options, lambda: Pace(fps).takes),
        **more,
    )


@dataclass
class Kept:
    """Everything that was stored and told."""

    events: list[StoredEvent] = field(default_factory=list)
    incidents: dict[int, Incident] = field(default_factory=dict)
    tracks: list[TrackLine] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    broken: DatabaseError | None = None

    def put_event(self, event: StoredEvent, incident: Incident | None) -> None:
        self._check()
        self.events.append(event)
        if incident is not None:
            self.incidents[incident.id] = incident

    def put_incident(self, incident: Incident) -> None:
        self._check()
        self.incidents[incident.id] = incident

    def put(self, line: TrackLine) -> None:
        self._check()
        self.tracks.append(line)

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken

    @property
    def alarms(self) -> list[Alarm]:
        return [news.alarm for news in self.news if isinstance(news, AlarmChanged)]

    @property
    def seen(self) -> list[TracksSeen]:
        return [news for news in self.news if isinstance(news, TracksSeen)]

    @property
    def told(self) -> list[tuple[str, str, float]]:
        return [
            (event.event.rule, event.event.direction or event.event.kind, round(event.event.at.stream_s, 2))
            for event in self.events
        ]


class Camera:
    """A camera's analysis in simulated time: every packet arrives when it was captured."""

    def __init__(self, chosen: CameraSetup, detector: BrightDetector | None = None) -> None:
        self.kept, self.clock = Kept(), SimulatedClock(UTC_NS)
        self.detector = detector or BrightDetector()
        self.reporter = Reporter(self.kept, self.kept, self.kept.news.append)
        self.analysis = CameraAnalysis(chosen, Alone(self.detector), self.reporter, self.kept.news.append, self.clock)
        self._ticked_ns = 0

    def see(self, stream: Sequence[Packet]) -> Camera:
        start_ns, base_ns = self.clock.monotonic_ns(), stream[0].at.utc_ns
        for packet in stream:
            wait_ns = start_ns + packet.at.utc_ns - base_ns - self.clock.monotonic_ns()
            self.wait(max(wait_ns, 0) / 1e9)
            self.analysis.take(packet)
        self.reporter.flush()
        return self

    def wait(self, seconds: float) -> Camera:
        end_ns = self.clock.monotonic_ns() + round(seconds * 1e9)
        while (left := end_ns - self.clock.monotonic_ns()) > 0:
            self.clock.sleep(min(left / 1e9, 0.25))
            if self.clock.monotonic_ns() - self._ticked_ns >= 250_000_000:
                self._ticked_ns = self.clock.monotonic_ns()
                self.analysis.tick()
        self.reporter.flush()
        return self

    def finish(self) -> Kept:
        self.analysis.finish()
        self.reporter.flush()
        return self.kept
