from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from vedette.engine.live.reporting import Reporter
from vedette.model.errors import DatabaseBusy, DatabaseError
from vedette.model.events import RuleEvent
from vedette.model.incidents import Incident, Severity, StoredEvent
from vedette.model.news import EventFound, IncidentChanged, News
from vedette.model.time import Instant
from vedette.model.track_line import TrackLine


@dataclass
class Database:
    """Keeps what it is given, unless it is told to refuse."""

    kept: list[object] = field(default_factory=list)
    broken: DatabaseError | None = None

    def put_event(self, event: StoredEvent, incident: Incident | None) -> None:
        self._take((event.id, None if incident is None else incident.id))

    def put_incident(self, incident: Incident) -> None:
        self._take(incident.id)

    def put(self, line: TrackLine) -> None:
        self._take(f"track {line.id}")

    def _take(self, what: object) -> None:
        if self.broken is not None:
            raise self.broken
        self.kept.append(what)


def event(number: int, severity: Severity = "alert") -> StoredEvent:
    at = Instant(number, number)
    return StoredEvent(number, "yard", 1, RuleEvent("gate", "h", "crossed", at, 0, at), severity)


def incident(number: int) -> Incident:
    return Incident(number, "yard", 0, 0, None, "alert", ("gate",), (), 1)


def track(number: int) -> TrackLine:
    return TrackLine(number, "yard", 1, 1, "person", 0, 0, 1.0, np.zeros(1, np.int64), np.zeros((1, 4)), np.ones(1))


def made(most: int = 100) -> tuple[Reporter, Database, list[News]]:
    database, told = Database(), list[News]()
    return Reporter(database, database, told.append, most=most), database, told


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 5.0
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.001)


def test_everything_is_told_at_once_and_kept_in_order() -> None:
    reporter, database, told = made()
    reporter.event(event(1), incident(9))
    reporter.event(event(2, "info"), None)
    reporter.track(track(4))
    reporter.incident(incident(9))
    assert told == [EventFound(event(1), incident(9)), EventFound(event(2, "info")), IncidentChanged(incident(9))]
    assert database.kept == []
    assert reporter.flush()
    assert database.kept == [(1, 9), (2, None), "track 4", 9]
    assert reporter.figures() == {"kept": 4.0, "dropped": 0.0, "waiting": 0.0}


def test_a_broken_database_loses_nothing() -> None:
    reporter, database, told = made()
    database.broken = DatabaseBusy("the database is locked: wait")
    for number in range(50):
        reporter.event(event(number), None)
        assert not reporter.flush()
    assert (len(told), reporter.trouble) == (50, "the database is locked: wait")
    assert reporter.figures()["waiting"] == 50.0
    database.broken = None
    assert reporter.flush()
    assert database.kept == [(number, None) for number in range(50)]
    assert reporter.trouble == ""


def test_when_there_is_no_room_the_lightest_goes_first_and_of_those_the_oldest() -> None:
    reporter, database, _ = made(most=4)
    database.broken = DatabaseError("gone")
    reporter.event(event(1, "alarm"), None)
    reporter.event(event(2, "info"), None)
    reporter.track(track(3))
    reporter.track(track(4))
    for number in (5, 6, 7):
        reporter.event(event(number), None)
    assert reporter.figures()["dropped"] == 3.0
    database.broken = None
    reporter.flush()
    assert database.kept == [(1, None), (5, None), (6, None), (7, None)]


def test_a_thread_keeps_what_comes_also_after_trouble() -> None:
    reporter, database, _ = made()
    reporter.start()
    reporter.event(event(1), None)
    until(lambda: database.kept == [(1, None)])
    database.broken = DatabaseError("gone")
    reporter.event(event(2), None)
    until(lambda: reporter.trouble == "gone")
    database.broken = None
    until(lambda: database.kept == [(1, None), (2, None)])
    assert reporter.close()


def test_closing_says_whether_anything_is_left() -> None:
    reporter, database, _ = made()
    reporter.start()
    database.broken = DatabaseError("gone")
    reporter.event(event(1), None)
    assert not reporter.close()
    assert reporter.figures()["waiting"] == 1.0


def test_without_a_place_for_tracks_none_are_kept() -> None:
    database = Database()
    reporter = Reporter(database, None, lambda news: None)  # noqa: ARG005
    reporter.track(track(1))
    assert reporter.flush()
    assert database.kept == []
