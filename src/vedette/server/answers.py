"""What the server answers: models of its own, so that what is stored can change without the interface.

Numbers that name things have 63 bits and JavaScript keeps only 53 of them, so they go out as text. Times are RFC 3339
in UTC, lengths of time seconds, places in a picture 0..1 of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vedette.model.health import Alarm, Health, State
from vedette.model.incidents import Incident, Review, Severity, StoredEvent
from vedette.model.recording import Gap
from vedette.model.time import NS_PER_S, rfc3339


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class ProblemDocument(Answer):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class HealthAnswer(Answer):
    """How one part is."""

    part: str
    state: State
    at: str = Field(json_schema_extra={"format": "date-time"})
    text: str
    figures: Mapping[str, float]

    @classmethod
    def of(cls, health: Health) -> HealthAnswer:
        """As it goes out."""
        at = rfc3339(health.at_utc_ns)
        figures = {name: value for name, value in health.figures.items() if isfinite(value)}
        return cls(part=health.part, state=health.state, at=at, text=health.text, figures=figures)


class StreamAnswer(Answer):
    """One stream of a camera. Codec and size are empty and 0 until its first packet has come."""

    name: str
    codec: str
    width: int
    height: int
    health: HealthAnswer | None


class CameraAnswer(Answer):
    """One camera. `state` is the worst of its streams and its analysis."""

    id: str
    name: str
    state: State
    text: str
    streams: list[StreamAnswer]
    analysis: HealthAnswer | None
    viewers: int


class CamerasAnswer(Answer):
    """All cameras, in the order of the configuration."""

    cameras: list[CameraAnswer]


class SpanAnswer(Answer):
    """A stretch of time."""

    start: str
    end: str


class GapAnswer(Answer):
    """A time that was not recorded, and why. `end` is null while it lasts; `wanted`: as the owner wished."""

    start: str
    end: str | None
    reason: str
    text: str
    wanted: bool

    @classmethod
    def of(cls, gap: Gap) -> GapAnswer:
        """As it goes out."""
        end = None if gap.end_utc_ns is None else rfc3339(gap.end_utc_ns)
        wanted = gap.reason in {"off", "schedule", "no_event"}
        return cls(start=rfc3339(gap.start_utc_ns), end=end, reason=gap.reason, text=gap.text, wanted=wanted)


class CountAnswer(Answer):
    """How many events began within `resolution` seconds from `start`. Stretches without any are left out."""

    start: str
    events: int
    alarms: int


class TimelineAnswer(Answer):
    """What there is of a camera over a time."""

    camera: str
    stream: str
    start: str
    end: str
    resolution: float
    recorded: list[SpanAnswer]
    gaps: list[GapAnswer]
    counts: list[CountAnswer]


class EventAnswer(Answer):
    """A fact that a rule established."""

    id: str
    camera: str
    rule: str
    rule_hash: str
    kind: str
    at: str
    known_at: str
    severity: Severity
    incident: str | None
    test: bool
    direction: str | None
    direction_name: str | None
    label: str
    track: int
    score: float
    anchor: tuple[float, float] | None
    box: tuple[float, float, float, float] | None
    value: float | None

    @classmethod
    def of(cls, stored: StoredEvent) -> EventAnswer:
        """As it goes out."""
        event = stored.event
        return cls(
            id=str(stored.id),
            camera=stored.camera,
            rule=event.rule,
            rule_hash=event.rule_hash,
            kind=event.kind,
            at=rfc3339(event.at.utc_ns),
            known_at=rfc3339(event.known_at.utc_ns),
            severity=stored.severity,
            incident=None if stored.incident is None else str(stored.incident),
            test=stored.test,
            direction=event.direction,
            direction_name=event.direction_name,
            label=event.label,
            track=event.track,
            score=event.score,
            anchor=event.anchor,
            box=event.box,
            value=event.value,
        )


class EventsAnswer(Answer):
    """A page of events, the newest first. `next` asks for the following page; null on the last one."""

    events: list[EventAnswer]
    next: str | None


class IncidentAnswer(Answer):
    """Events that belong together."""

    id: str
    camera: str
    opened: str
    last: str
    closed: str | None
    severity: Severity
    rules: list[str]
    labels: list[str]
    events: int
    review: Review
    note: str

    @classmethod
    def of(cls, incident: Incident) -> IncidentAnswer:
        """As it goes out."""
        return cls(
            id=str(incident.id),
            camera=incident.camera,
            opened=rfc3339(incident.opened_utc_ns),
            last=rfc3339(incident.last_utc_ns),
            closed=None if incident.closed_utc_ns is None else rfc3339(incident.closed_utc_ns),
            severity=incident.severity,
            rules=list(incident.rules),
            labels=list(incident.labels),
            events=incident.events,
            review=incident.review,
            note=incident.note,
        )


class IncidentsAnswer(Answer):
    """A page of incidents, the newest first."""

    incidents: list[IncidentAnswer]
    next: str | None


class AlarmAnswer(Answer):
    """Something is wrong with the system itself, or was."""

    kind: str
    part: str
    text: str
    raised: str
    cleared: str | None

    @classmethod
    def of(cls, alarm: Alarm) -> AlarmAnswer:
        """As it goes out."""
        cleared = None if alarm.cleared_utc_ns is None else rfc3339(alarm.cleared_utc_ns)
        return cls(
            kind=alarm.kind, part=alarm.part, text=alarm.text, raised=rfc3339(alarm.raised_utc_ns), cleared=cleared
        )


class AlarmsAnswer(Answer):
    """Open alarms, then those cleared since the server started (the last hundred)."""

    alarms: list[AlarmAnswer]


class HealthsAnswer(Answer):
    """How everything is. `state` is the worst of all parts."""

    state: State
    parts: list[HealthAnswer]


class ReadyAnswer(Answer):
    """Whether requests can be served, and what stands in the way."""

    ready: bool
    checks: Mapping[str, Literal["ok", "failed"]]


class AliveAnswer(Answer):
    """The process runs."""

    status: Literal["ok"] = "ok"


_WORST: tuple[State, ...] = ("failed", "degraded", "starting", "ok", "off")


def worst(states: list[State]) -> State:
    """The worst of `states`; `starting` of none."""
    return next((state for state in _WORST if state in states), "starting")


def seconds(ns: int) -> float:
    """Nanoseconds as seconds."""
    return ns / NS_PER_S
