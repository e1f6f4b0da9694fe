"""How every part of a process is, and what a person has to be told: said on every change and every few seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from vedette.model.health import Alarm, AlarmKind, Health, State
from vedette.model.news import AlarmChanged, HealthChanged, News
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S

BEAT_S: Final = 5.0

Tell = Callable[[News], None]


class HealthBook:
    """The health of the parts of one process. May be used from any thread.

    tell  where news go
    """

    def __init__(self, clock: Clock, tell: Tell, beat_s: float = BEAT_S) -> None:
        self._clock, self._tell, self._beat_ns = clock, tell, round(beat_s * NS_PER_S)
        self._lock = threading.Lock()
        self._parts: dict[str, Health] = {}
        self._beat_at = clock.monotonic_ns()

    def set(self, part: str, state: State, text: str = "", figures: Mapping[str, float] | None = None) -> None:
        """Write down how `part` is. Told at once where its state or text changed, otherwise with the next beat."""
        health = Health(part, state, self._clock.utc_ns(), text, dict(figures or {}))
        with self._lock:
            before = self._parts.get(part)
            self._parts[part] = health
        if before is None or (before.state, before.text) != (state, text):
            self._tell(HealthChanged(health))

    def drop(self, part: str) -> None:
        """Forget a part that is there no more; it is told as `off` once."""
        with self._lock:
            known = self._parts.pop(part, None)
        if known is not None:
            self._tell(HealthChanged(Health(part, "off", self._clock.utc_ns())))

    def now(self) -> Mapping[str, Health]:
        """Every part as it was last written down."""
        with self._lock:
            return dict(self._parts)

    def due(self) -> bool:
        """Whether it is time for a beat; answers True once each time."""
        now = self._clock.monotonic_ns()
        with self._lock:
            if now - self._beat_at < self._beat_ns:
                return False
            self._beat_at = now
            return True

    def beat(self) -> None:
        """Tell how every part is."""
        for health in self.now().values():
            self._tell(HealthChanged(health))


class AlarmBook:
    """Alarms that are open, one per kind and part. May be used from any thread.

    tell  where news go
    keep  writes an alarm down; must not raise
    """

    def __init__(self, clock: Clock, tell: Tell, keep: Callable[[Alarm], None]) -> None:
        self._clock, self._tell, self._keep = clock, tell, keep
        self._lock = threading.Lock()
        self._open: dict[tuple[AlarmKind, str], Alarm] = {}

    def set(self, kind: AlarmKind, part: str, text: str) -> None:
        """Raise an alarm, unless it is open already."""
        with self._lock:
            if (kind, part) in self._open:
                return
            alarm = self._open[kind, part] = Alarm(kind, part, text, self._clock.utc_ns())
        self._say(alarm)

    def clear(self, kind: AlarmKind, part: str) -> None:
        """Clear an alarm, where it is open."""
        with self._lock:
            alarm = self._open.pop((kind, part), None)
        if alarm is not None:
            cleared = max(alarm.raised_utc_ns, self._clock.utc_ns())
            self._say(Alarm(alarm.kind, alarm.part, alarm.text, alarm.raised_utc_ns, cleared))

    def adopt(self, alarms: Iterable[Alarm]) -> None:
        """Take over alarms that an earlier process left open: they are not raised again, and can be cleared."""
        with self._lock:
            for alarm in alarms:
                self._open.setdefault((alarm.kind, alarm.part), alarm)

    def clear_part(self, part: str) -> None:
        """Clear every alarm of a part."""
        for kind, about in list(self.now()):
            if about == part:
                self.clear(kind, about)

    def now(self) -> Mapping[tuple[AlarmKind, str], Alarm]:
        """Every open alarm."""
        with self._lock:
            return dict(self._open)

    def _say(self, alarm: Alarm) -> None:
        self._keep(alarm)
        self._tell(AlarmChanged(alarm))
