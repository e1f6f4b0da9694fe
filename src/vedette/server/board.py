"""What the server knows of the present, from the news of the other processes: how the parts are, and alarms."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from vedette.model.health import Alarm, Health
from vedette.model.news import AlarmChanged, HealthChanged, News
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S

SILENT_S: Final = 15.0
_PARTS: Final = 4096
_CLEARED: Final = 100


class Board:
    """The latest of everything. News come in one at a time (`take`); questions may come from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._health: OrderedDict[str, tuple[Health, int]] = OrderedDict()
        self._open: dict[tuple[str, str], Alarm] = {}
        self._cleared: deque[Alarm] = deque(maxlen=_CLEARED)
        self._listeners: list[Callable[[News], None]] = []
        self._heard_ns: int | None = None

    def take(self, news: News) -> None:
        """Take in news of another process, then tell the listeners."""
        self._heard_ns = self._clock.monotonic_ns()
        self.note(news)

    def note(self, news: News) -> None:
        """The same for news of this process, which are no sign of life of the others."""
        with self._lock:
            self._note(news)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(news)

    def _note(self, news: News) -> None:
        match news:
            case HealthChanged(health):
                self._health[health.part] = (health, self._clock.monotonic_ns())
                self._health.move_to_end(health.part)
                while len(self._health) > _PARTS:
                    self._health.popitem(last=False)
            case AlarmChanged(alarm):
                self._note_alarm(alarm)
            case _:
                pass

    def _note_alarm(self, alarm: Alarm) -> None:
        known = self._open.pop((alarm.kind, alarm.part), None)
        if alarm.cleared_utc_ns is None:
            self._open[alarm.kind, alarm.part] = alarm
        elif known is not None or alarm not in self._cleared:
            self._cleared.append(alarm)

    def health(self) -> Sequence[Health]:
        """How every part is, by name. A part that has said nothing for SILENT_S counts as failed, unless it is off."""
        now = self._clock.monotonic_ns()
        with self._lock:
            known = sorted(self._health.values(), key=lambda entry: entry[0].part)
        return [_aged(health, (now - heard) / NS_PER_S) for health, heard in known]

    def health_of(self, part: str) -> Health | None:
        """How one part is; None when nobody ever said."""
        now = self._clock.monotonic_ns()
        with self._lock:
            entry = self._health.get(part)
        return None if entry is None else _aged(entry[0], (now - entry[1]) / NS_PER_S)

    def alarms(self) -> Sequence[Alarm]:
        """Alarms that are open, then those cleared lately; the newest first in each part."""
        with self._lock:
            still, over = list(self._open.values()), list(self._cleared)
        return [
            *sorted(still, key=lambda a: a.raised_utc_ns, reverse=True),
            *sorted(over, key=lambda a: a.cleared_utc_ns or 0, reverse=True),
        ]

    def silent_s(self) -> float | None:
        """Seconds since the last news of anybody; None before the first."""
        heard = self._heard_ns
        return None if heard is None else (self._clock.monotonic_ns() - heard) / NS_PER_S

    def listen(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Have `listener` called with all news from now on, in the thread that takes them; the answer ends it."""
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end


def _aged(health: Health, silent_s: float) -> Health:
    if silent_s <= SILENT_S or health.state == "off":
        return health
    return replace(health, state="failed", text=f"has given no sign of life for {silent_s:.0f} s")
