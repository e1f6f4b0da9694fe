"""What the analysis finds, told at once and kept as soon as the database takes it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vedette.engine.live.ports import Publish, TrackStore
from vedette.model.errors import DatabaseError
from vedette.model.incidents import Incident, Severity, StoredEvent
from vedette.model.news import EventFound, IncidentChanged
from vedette.model.recording_ports import EventStore
from vedette.model.track_line import TrackLine

MOST: Final = 20_000
"""Events, incidents and tracks that wait for a database that does not take them."""
AGAIN_S: Final = 1.0
_TRACK: Final = -1
_WEIGHT: Final[dict[Severity, int]] = {"info": 0, "alert": 1, "alarm": 2}


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Something to keep; the lighter goes first when there is no room for all."""

    put: Callable[[], None]
    weight: int


class Reporter:
    """Publishes what was found, and hands it to the database from a queue, in order.

    While the database is broken everything waits and nothing is lost as long as it fits. Then the oldest of what weighs
    least goes: tracks before events of severity `info`, those before others. All methods may be called by any thread.
    """

    def __init__(self, events: EventStore, tracks: TrackStore | None, publish: Publish, *, most: int = MOST) -> None:
        self._events, self._tracks, self._publish = events, tracks, publish
        self._most = most
        self._changed = threading.Condition()
        self._flushing = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._kept = self._dropped = 0
        self._trouble = ""
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why the database does not take anything; empty while it does."""
        return self._trouble

    def figures(self) -> dict[str, float]:
        """Totals: `kept`, `dropped`; and how many are `waiting`."""
        with self._changed:
            return {"kept": float(self._kept), "dropped": float(self._dropped), "waiting": float(len(self._waiting))}

    def event(self, event: StoredEvent, incident: Incident | None) -> None:
        """A rule found something; `incident` is as it stands with it."""
        self._publish(EventFound(event, incident))
        self._add(lambda: self._events.put_event(event, incident), _WEIGHT[event.severity])

    def incident(self, incident: Incident) -> None:
        """An incident was closed."""
        self._publish(IncidentChanged(incident))
        self._add(lambda: self._events.put_incident(incident), _WEIGHT[incident.severity])

    def track(self, line: TrackLine) -> None:
        """A track ended."""
        tracks = self._tracks
        if tracks is not None:
            self._add(lambda: tracks.put(line), _TRACK)

    def flush(self) -> bool:
        """Hand over what waits, until nothing does or the database does not take it; whether nothing waits."""
        with self._flushing:
            while True:
                with self._changed:
                    if not self._waiting:
                        self._trouble = ""
                        return True
                    first = self._waiting[0]
                try:
                    first.put()
                except DatabaseError as error:
                    self._trouble = str(error)
                    return False
                with self._changed:
                    self._kept += 1
                    if self._waiting and self._waiting[0] is first:
                        self._waiting.popleft()

    def start(self) -> None:
        """Hand over from a thread of its own from now on."""
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._thread.start()

    def close(self) -> bool:
        """Hand over what the database still takes; whether nothing is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        return self.flush()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._waiting))
                if self._closed:
                    return
            if not self.flush():
                # Asked again after a while: it is told to the health at once, and mending it is somebody else's work.
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, AGAIN_S)

    def _add(self, put: Callable[[], None], weight: int) -> None:
        with self._changed:
            self._waiting.append(_Waiting(put, weight))
            if len(self._waiting) > self._most:
                self._dropped += 1
                self._waiting.remove(min(self._waiting, key=lambda item: item.weight))
            self._changed.notify_all()
