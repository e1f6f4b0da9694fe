"""Events that follow each other closely become one incident: what a person is asked to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from vedette.model.events import RuleEvent
from vedette.model.identity import new_id
from vedette.model.incidents import Incident, Severity, StoredEvent
from vedette.model.time import NS_PER_S

GAP_S: Final = 30.0
_RANK: Final[dict[Severity, int]] = {"info": 0, "alert": 1, "alarm": 2}


@dataclass(frozen=True, slots=True)
class Grouped:
    """What became of an event.

    incident  as it stands with the event; None where the event asks for nobody's attention
    closed    the incident that was open before and is not any more
    """

    event: StoredEvent
    incident: Incident | None = None
    closed: Incident | None = None


class Incidents:
    """The incidents of one camera. At most one is open.

    An event of severity `info` makes none and belongs to none. Any other joins the open incident when it lies at most
    `gap_s` from it, before or after, by the wall clock, which may step: an incident that seems to lie in the future, or
    long ago, is closed and another begun.

    make_id  gives numbers to events and incidents, from a time in nanoseconds since 1970
    """

    def __init__(self, camera: str, gap_s: float = GAP_S, make_id: Callable[[int], int] = new_id) -> None:
        if not gap_s >= 0.0:
            raise ValueError("gap_s must not be negative")
        self._camera = camera
        self._gap_ns = round(gap_s * NS_PER_S)
        self._make_id = make_id
        self._open: Incident | None = None

    @property
    def open(self) -> Incident | None:
        """The one that may still grow."""
        return self._open

    def take(self, event: RuleEvent, severity: Severity, run: int, *, test: bool = False) -> Grouped:
        """Take in an event of a rule of that severity, found in run `run`."""
        utc_ns = event.at.utc_ns
        stored = StoredEvent(self._make_id(event.known_at.utc_ns), self._camera, run, event, severity, None, test)
        if severity == "info":
            return Grouped(stored)
        closed = None if self._joins(utc_ns) else self._close()
        self._open = self._begun(utc_ns, severity) if self._open is None else self._open
        self._open = _grown(self._open, event, severity)
        return Grouped(replace(stored, incident=self._open.id), self._open, closed)

    def tick(self, utc_ns: int) -> Incident | None:
        """It is `utc_ns`: the incident that has become too old to grow, closed. Events are told before the ticks."""
        if self._open is None or self._joins(utc_ns):
            return None
        return self._close()

    def finish(self) -> Incident | None:
        """The open incident, closed because nobody watches any more."""
        return self._close()

    def reviewed(self, incident: Incident) -> None:
        """A person has judged `incident`; what they said stays when it grows."""
        if self._open is not None and self._open.id == incident.id:
            self._open = replace(self._open, review=incident.review, note=incident.note)

    def _joins(self, utc_ns: int) -> bool:
        if self._open is None:
            return False
        return self._open.opened_utc_ns - self._gap_ns <= utc_ns <= self._open.last_utc_ns + self._gap_ns

    def _begun(self, utc_ns: int, severity: Severity) -> Incident:
        return Incident(self._make_id(utc_ns), self._camera, utc_ns, utc_ns, None, severity, (), (), 0)

    def _close(self) -> Incident | None:
        if self._open is None:
            return None
        closed = replace(self._open, closed_utc_ns=self._open.last_utc_ns + self._gap_ns)
        self._open = None
        return closed


def _grown(incident: Incident, event: RuleEvent, severity: Severity) -> Incident:
    labels = (event.label,) if event.label else ()
    return replace(
        incident,
        opened_utc_ns=min(incident.opened_utc_ns, event.at.utc_ns),
        last_utc_ns=max(incident.last_utc_ns, event.at.utc_ns),
        severity=max(incident.severity, severity, key=_RANK.__getitem__),
        rules=_with(incident.rules, event.rule),
        labels=_with(incident.labels, *labels),
        events=incident.events + 1,
    )


def _with(known: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))
