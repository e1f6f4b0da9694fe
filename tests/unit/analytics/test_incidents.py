from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from vedette.analytics.incidents import Grouped, Incidents
from vedette.model.events import RuleEvent
from vedette.model.incidents import Severity
from vedette.model.time import NS_PER_S, Instant


def event(t: float, rule: str = "gate", label: str = "person", known: float | None = None) -> RuleEvent:
    at, known_at = (
        Instant(round(s * NS_PER_S), round((1000 + s) * NS_PER_S)) for s in (t, t if known is None else known)
    )
    return RuleEvent(rule, "hash", "crossed", at, 0, known_at, label=label)


def made(**more: Any) -> Incidents:
    numbers = count(1)
    return Incidents("yard", make_id=lambda utc_ns: next(numbers), **more)  # noqa: ARG005


def utc(t: float) -> int:
    return round((1000 + t) * NS_PER_S)


def taken(incidents: Incidents, *events: tuple[RuleEvent, Severity]) -> list[Grouped]:
    return [incidents.take(one, severity, 7) for one, severity in events]


def test_events_that_follow_closely_are_one_incident() -> None:
    first, second, third = taken(made(), (event(0), "alert"), (event(29), "alert"), (event(58, "yard", "car"), "alarm"))
    assert first.incident is not None
    assert third.incident is not None
    assert {grouped.event.incident for grouped in (first, second, third)} == {first.incident.id}
    assert third.incident == replace(
        first.incident,
        last_utc_ns=utc(58),
        severity="alarm",
        rules=("gate", "yard"),
        labels=("person", "car"),
        events=3,
    )
    assert (third.event.camera, third.event.run, third.event.severity) == ("yard", 7, "alarm")


def test_after_the_gap_another_begins_and_the_first_is_closed() -> None:
    incidents = made()
    first, second = taken(incidents, (event(0), "alert"), (event(30.5), "alert"))
    assert second.closed is not None
    assert first.incident is not None
    assert (second.closed.id, second.closed.closed_utc_ns) == (first.incident.id, utc(30))
    assert second.incident is not None
    assert second.incident.id != first.incident.id
    assert second.incident.closed_utc_ns is None


def test_information_makes_no_incident_and_keeps_none_open() -> None:
    incidents = made()
    quiet, first, more = taken(incidents, (event(0), "info"), (event(1), "alert"), (event(20), "info"))
    assert (quiet.incident, quiet.event.incident, more.event.incident) == (None, None, None)
    assert first.incident is not None
    closed = incidents.tick(utc(31.1))
    assert closed is not None
    assert (closed.events, closed.closed_utc_ns) == (1, utc(31))


def test_severity_never_falls() -> None:
    *_, last = taken(made(), (event(0), "alarm"), (event(1), "alert"))
    assert last.incident is not None
    assert last.incident.severity == "alarm"


def test_time_alone_closes_once() -> None:
    incidents = made(gap_s=5.0)
    taken(incidents, (event(0), "alert"))
    assert incidents.tick(utc(5)) is None
    closed = incidents.tick(utc(5.1))
    assert closed is not None
    assert incidents.tick(utc(99)) is None
    assert incidents.open is None


def test_what_is_known_late_joins_and_moves_the_beginning() -> None:
    incidents = made()
    *_, late = taken(incidents, (event(20), "alert"), (event(3, known=21), "alert"))
    assert late.incident is not None
    assert (late.incident.opened_utc_ns, late.incident.last_utc_ns) == (utc(3), utc(20))


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_stepped_clock_neither_keeps_open_nor_loses(step: int) -> None:
    incidents = made()
    first, second = taken(incidents, (event(0), "alert"), (event(float(step)), "alert"))
    assert second.closed is not None
    assert first.incident is not None
    assert second.closed.id == first.incident.id
    assert incidents.tick(utc(step + 31)) is not None


def test_a_clock_set_back_closes_what_seems_to_lie_ahead() -> None:
    incidents = made()
    taken(incidents, (event(0), "alert"))
    assert incidents.tick(utc(-3600)) is not None


def test_what_a_person_said_stays_when_it_grows() -> None:
    incidents = made()
    (first,) = taken(incidents, (event(0), "alert"))
    assert first.incident is not None
    incidents.reviewed(replace(first.incident, review="false_alarm", note="the cat"))
    incidents.reviewed(replace(first.incident, id=99, review="confirmed"))
    (again,) = taken(incidents, (event(5), "alert"))
    assert again.incident is not None
    assert (again.incident.review, again.incident.note, again.incident.events) == ("false_alarm", "the cat", 2)


def test_the_end_closes_what_is_open() -> None:
    incidents = made()
    assert incidents.finish() is None
    taken(incidents, (event(0), "alert"))
    assert incidents.finish() is not None
    assert incidents.finish() is None


def test_events_without_a_label_bring_none() -> None:
    (grouped,) = taken(made(), (event(0, label=""), "alert"))
    assert grouped.incident is not None
    assert grouped.incident.labels == ()


def test_a_gap_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="gap_s"):
        made(gap_s=-1.0)
