"""One camera's live analysis as `vedette run` composes it, in this process and in simulated time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from vedette.app.looking import analyzer_for, built, detector_for
from vedette.clock import SimulatedClock
from vedette.config import CameraConfig, from_mapping
from vedette.engine.live.camera import CameraAnalysis
from vedette.engine.live.ports import Alone, CameraSetup, LiveRule
from vedette.engine.live.reporting import Reporter
from vedette.engine.pace import Pace
from vedette.model.incidents import Incident, StoredEvent
from vedette.model.media import Packet
from vedette.model.news import EventFound, News
from vedette.model.ports import Detector
from vedette.model.time import NS_PER_S
from vedette.model.track_line import TrackLine
from vedette.video.decode_options import DecodeOptions
from vedette.video.decode_policy import DecodePolicy
from vedette.vision.motion import MotionProbe, one_thread_for_each_picture

FPS = 5.0
"""Analysed frames a second: what `vedette.yaml` takes where nothing is said."""
ZONE = [[0.02, 0.3], [0.98, 0.3], [0.98, 1.0], [0.02, 1.0]]
RULES: Mapping[str, object] = {
    "rules": [{"id": "yard", "type": "intrusion", "zone": ZONE, "labels": ["person"]}],
}


@dataclass
class Kept:
    """Events and incidents as a database would hold them, and when each was told."""

    events: list[StoredEvent] = field(default_factory=list)
    incidents: dict[int, Incident] = field(default_factory=dict)
    tracks: list[TrackLine] = field(default_factory=list)

    def put_event(self, event: StoredEvent, incident: Incident | None) -> None:
        """Keep both."""
        self.events.append(event)
        if incident is not None:
            self.incidents[incident.id] = incident

    def put_incident(self, incident: Incident) -> None:
        """Keep it as it is now."""
        self.incidents[incident.id] = incident

    def put(self, line: TrackLine) -> None:
        """Keep a track."""
        self.tracks.append(line)


@dataclass(frozen=True)
class Told:
    """An event with the stream time at which it was told, computing included."""

    event: StoredEvent
    told_s: float

    @property
    def latency_s(self) -> float:
        """From the happening to the telling."""
        return self.told_s - self.event.event.at.stream_s


class LiveRig:
    """A camera whose packets arrive when they were captured, on a machine that computes as fast as this one."""

    def __init__(
        self,
        stream: str = "main",
        *,
        idle: bool = True,
        rules: Mapping[str, object] = RULES,
        detector: Detector | None = None,
        fps: float | None = FPS,
    ) -> None:
        one_thread_for_each_picture()
        config = from_mapping(rules)
        self.detector = detector or detector_for(config)
        self.clock, self.kept, self.told = SimulatedClock(), Kept(), list[Told]()
        self._busy_until_s = 0.0
        self._began = 0.0
        self._now_s = 0.0
        self.reporter = Reporter(self.kept, self.kept, self._hear)
        self.policy = DecodePolicy(MotionProbe(), DecodeOptions(idle=idle), lambda: Pace(fps).takes)
        setup = _setup(config, stream, self.policy)
        self.analysis = CameraAnalysis(setup, Alone(self.detector), self.reporter, self._hear, self.clock)

    def see(self, packets: Iterable[Packet]) -> None:
        """Take packets in, each no sooner than it arrives and than the one before is done."""
        ticked_s = 0.0
        for packet in packets:
            arrival_s = packet.dts_ns / NS_PER_S
            self._now_s = max(arrival_s, self._busy_until_s)
            self.clock.advance(max(0.0, arrival_s - self.clock.monotonic_ns() / NS_PER_S))
            self._began = time.perf_counter()
            self.analysis.take(packet)
            if arrival_s - ticked_s >= 0.25:
                ticked_s = arrival_s
                self.analysis.tick()
            self._busy_until_s = self._now_s + time.perf_counter() - self._began
            self.reporter.flush()

    def finish(self) -> None:
        """The end of the stream."""
        self.analysis.finish()
        self.reporter.flush()

    def _hear(self, news: News) -> None:
        if isinstance(news, EventFound):
            self.told.append(Told(news.event, self._now_s + time.perf_counter() - self._began))


def _setup(config: CameraConfig, stream: str, policy: DecodePolicy) -> CameraSetup:
    rules = tuple(
        LiveRule(id=rule.id, hash=rule.hash, build=partial(built, rule, config), severity=rule.options.severity)
        for rule in config.rules
    )

    def decoding() -> Any:  # noqa: ANN401 - the policy, which the rig looks into
        return policy

    return CameraSetup(
        camera="bench", stream="sub" if stream == "sub" else "main", rules=rules, decoding=decoding,
        analyzer=lambda detector, ruleset: analyzer_for(config, detector, rules=ruleset),
    )  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
