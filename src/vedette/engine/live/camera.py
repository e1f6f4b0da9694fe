"""One camera: packets to frames, tracks, events, incidents. Called by one thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from vedette.analytics.incidents import Incidents
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.track_lines import TrackLines
from vedette.engine.live.ports import CameraSetup, LiveRule, PatientDetector, Publish
from vedette.engine.live.reporting import Reporter
from vedette.engine.live.run_time import RunTime
from vedette.model.errors import DetectorError, SourceError
from vedette.model.events import RuleEvent
from vedette.model.health import Alarm, Health, State
from vedette.model.incidents import Incident
from vedette.model.media import Frame, Packet
from vedette.model.news import AlarmChanged, TracksSeen
from vedette.model.observations import Fact
from vedette.model.ports import Clock, Rule
from vedette.model.step import Step
from vedette.model.time import NS_PER_S, Instant

LATE_S: Final = 1.0
"""Frames of packets that waited longer than this are decoded and not analysed: the newest win."""
STILL_S: Final = 0.5
"""Without a picture, rules are told that time passes this often."""
BLIND_S: Final = 3.0
"""A camera that cannot be analysed for so long is worth an alarm; most connections that end are back before."""
SIGNAL_LOST: Final = "signal_lost"
Blindness = Literal["", "detector", "decoder", "signal"]


class CameraAnalysis:
    """Analyses one stream of one camera, and remembers across runs and changes of its rules.

    Packets of other streams are passed over. Events tell the stream time of the run in which they were found.
    """

    def __init__(
        self, setup: CameraSetup, detector: PatientDetector, reporter: Reporter, publish: Publish, clock: Clock
    ) -> None:
        self._setup, self._detector = setup, detector
        self._reporter, self._publish, self._clock = reporter, publish, clock
        self._rules: dict[str, tuple[str, Rule]] = {}
        self._severity: Mapping[str, LiveRule] = {}
        self._ruleset = self._built(setup)
        self._decoding = setup.decoding()
        self._analyzer = setup.analyzer(detector, self._ruleset)
        self._incidents = Incidents(setup.camera, setup.gap_s)
        self._lines = TrackLines(setup.camera)
        self._time = RunTime()
        self._run: int | None = None
        self._seen = False
        self._heard_ns = self._moment_ns = clock.monotonic_ns()
        self._blind: Blindness = ""
        self._why_blind = ""
        self._blind_ns = 0
        self._alarm: Alarm | None = None
        self._behind_s = 0.0
        self._rate = _Rate()
        self._shown = False

    @property
    def setup(self) -> CameraSetup:
        """As it is analysed now."""
        return self._setup

    # -- what comes in --------------------------------------------------------------------------------------------

    def take(self, packet: Packet, heard_ns: int | None = None) -> None:
        """Take in the next packet, which came at `heard_ns` of the steady clock; now where it is not said."""
        if packet.stream != self._setup.stream or packet.camera != self._setup.camera:
            return
        heard_ns = self._clock.monotonic_ns() if heard_ns is None else heard_ns
        if packet.run != self._run:
            self._begin_run(packet, heard_ns)
        if packet.codec.medium == "audio":
            return
        self._heard_ns = heard_ns
        self._time.hear(packet.at, heard_ns)
        self._behind_s = max(self._clock.monotonic_ns() - heard_ns, 0) / NS_PER_S
        try:
            for frame in self._decoding.take(packet, wanted=self._behind_s <= LATE_S):
                self._analyse(frame)
        except SourceError as error:
            self._go_blind("decoder", str(error))
        if self._blind == "signal":
            self._see_again()

    def tick(self) -> None:
        """Time passes: notice silence, close incidents. Called a few times a second, also while packets come."""
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._heard_ns > self._setup.silent_s * NS_PER_S:
            self.lose("no picture has come for a while: check the camera and its connection")
        at = self._time.now(now_ns) or Instant(now_ns, self._clock.utc_ns())
        if self._blind == "signal" and now_ns - self._moment_ns >= STILL_S * NS_PER_S:
            self._moment_ns = now_ns
            self._report(self._analyzer.without_picture(at, (Fact(SIGNAL_LOST, at),)))
        self._tell_alarm()
        closed = self._incidents.tick(at.utc_ns)
        if closed is not None:
            self._reporter.incident(closed)

    def lose(self, why: str) -> None:
        """The signal is lost: tracks end, rules that watch the camera itself are told until it comes back."""
        if self._blind != "signal":
            self._finish_run()
            self._go_blind("signal", why)

    def reviewed(self, incident: Incident) -> None:
        """A person has judged an incident."""
        self._incidents.reviewed(incident)

    def change(self, setup: CameraSetup, detector: PatientDetector | None = None) -> None:
        """Go on with other rules or settings. Rules whose definition stays keep what they remember.

        Tracks go on while `setup.look` stays the same; otherwise they end and the camera is looked at afresh.
        """
        old, self._setup = self._setup, setup
        if setup.look != old.look or setup.stream != old.stream or detector is not None:
            self._finish_run()
            self._run = None
            self._detector = detector or self._detector
            self._ruleset = self._built(setup)
            self._decoding = setup.decoding()
            self._analyzer = setup.analyzer(self._detector, self._ruleset)
        else:
            self._ruleset = self._built(setup)
            self._analyzer.replace_rules(self._ruleset)
        if setup.gap_s != old.gap_s:
            self._end_incident()
            self._incidents = Incidents(setup.camera, setup.gap_s)
        self._tell_alarm()

    def finish(self) -> None:
        """The end: tracks and rules say what is open, the incident is closed."""
        self._finish_run()
        self._end_incident()

    # -- what comes out -------------------------------------------------------------------------------------------

    def values(self) -> Mapping[str, Mapping[str, object]]:
        """Present figures of every rule, by rule id."""
        return self._analyzer.values()

    def health(self) -> Health:
        """How the analysis of this camera is."""
        tally = self._decoding.tally
        state: State = "failed" if self._blind else "degraded" if self._behind_s > LATE_S else "ok"
        if not self._seen and not self._blind:
            state = "starting"
        text = self._why_blind
        if not text and state == "degraded":
            text = f"{self._behind_s:.1f} s behind: analyse fewer frames a second, or fewer cameras on this machine"
        figures = {
            "fps": self._rate.per_second(self._clock.monotonic_ns()),
            "lag_s": self._behind_s,
            "awake": float(self._decoding.awake),
            "dropped_frames": float(tally.dropped),
            "lost_packets": float(tally.lost),
            "damaged_packets": float(tally.damaged),
            "wakes": float(tally.wakes),
            "analyzed_frames": float(self._analyzer.analyzed),
            "inferences": float(self._analyzer.inferences),
        }
        return Health(f"analysis:{self._setup.camera}", state, self._clock.utc_ns(), text, figures)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _built(self, setup: CameraSetup) -> RuleSet:
        kept = self._rules
        self._rules = {
            rule.id: kept[rule.id] if rule.id in kept and kept[rule.id][0] == rule.hash else (rule.hash, rule.build())
            for rule in setup.rules
        }
        self._severity = {rule.id: rule for rule in setup.rules}
        return RuleSet([rule for _, rule in self._rules.values()])

    def _begin_run(self, packet: Packet, heard_ns: int) -> None:
        self._finish_run()
        self._run = packet.run
        self._time.begin(packet.at, heard_ns)

    def _finish_run(self) -> None:
        last = self._analyzer.finish()
        if last is not None:
            self._take_in(last)

    def _analyse(self, frame: Frame) -> None:
        self._detector.hurry(self._decoding.awake)
        try:
            step = self._analyzer.step(self._time.frame(frame))
        except DetectorError as error:
            self._go_blind("detector", str(error))
            return
        if self._blind == "decoder" or (self._blind == "detector" and step.sight.inferences):
            self._see_again()
        self._seen = True
        self._rate.count(self._clock.monotonic_ns())
        self._decoding.heed(frame.at, tracks=len(step.tracks) > 0, motion=step.sight.moving)
        self._take_in(step)
        self._show(step)

    def _take_in(self, step: Step) -> None:
        self._report(step.events)
        lines = self._lines.take(step.now, step.tracks, self._run or 0)
        for line in lines:
            self._reporter.track(self._time.line(line))

    def _report(self, events: Iterable[RuleEvent]) -> None:
        for event in events:
            rule = self._severity.get(event.rule)
            severity = "alert" if rule is None else rule.severity
            grouped = self._incidents.take(self._time.event(event), severity, self._run or 0)
            if grouped.closed is not None:
                self._reporter.incident(grouped.closed)
            self._reporter.event(grouped.event, grouped.incident)

    def _show(self, step: Step) -> None:
        subjects = step.now.subjects
        rows = (subjects.confirmed & ~subjects.gone).nonzero()[0].tolist()
        boxes = tuple(
            (int(subjects.track[row]), subjects.names[subjects.label[row]], *subjects.box[row].tolist()) for row in rows
        )
        if boxes or self._shown:
            self._shown = bool(boxes)
            at = step.frame.at
            stream_ns = self._time.in_run(at.stream_ns)
            self._publish(TracksSeen(self._setup.camera, self._run or 0, stream_ns, at.utc_ns, boxes))

    def _end_incident(self) -> None:
        closed = self._incidents.finish()
        if closed is not None:
            self._reporter.incident(closed)

    def _go_blind(self, blindness: Blindness, why: str) -> None:
        if not self._blind:
            self._blind_ns = self._clock.monotonic_ns()
        self._blind, self._why_blind = blindness, why

    def _see_again(self) -> None:
        self._blind, self._why_blind = "", ""
        self._tell_alarm()

    def _tell_alarm(self) -> None:
        """One alarm while the camera cannot be analysed, where a rule wants one."""
        concerned = [rule.id for rule in self._setup.rules if rule.on_blind == "alarm"]
        part, utc_ns = f"analysis:{self._setup.camera}", self._clock.utc_ns()
        lasts = self._clock.monotonic_ns() - self._blind_ns >= BLIND_S * NS_PER_S
        if self._blind and concerned and self._alarm is None and lasts:
            text = f"rules {', '.join(concerned)} are not being evaluated: {self._why_blind}"
            self._alarm = Alarm("analysis_blind", part, text, utc_ns)
            self._publish(AlarmChanged(self._alarm))
        elif self._alarm is not None and not (self._blind and concerned):
            cleared = Alarm(self._alarm.kind, part, self._alarm.text, self._alarm.raised_utc_ns, utc_ns)
            self._alarm = None
            self._publish(AlarmChanged(cleared))


class _Rate:
    """Analysed frames a second over the last seconds."""

    _SPAN_NS = 10 * NS_PER_S

    def __init__(self) -> None:
        self._times: list[int] = []

    def count(self, now_ns: int) -> None:
        self._times.append(now_ns)
        if self._times[0] < now_ns - self._SPAN_NS:
            self._times = [time for time in self._times if time >= now_ns - self._SPAN_NS]

    def per_second(self, now_ns: int) -> float:
        recent = sum(time >= now_ns - self._SPAN_NS for time in self._times)
        return recent / (self._SPAN_NS / NS_PER_S)
