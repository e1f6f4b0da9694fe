"""Looking up events and incidents, against the same over lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from stored import HOUR, SECOND, UTC, event, incident
from vedette.model.errors import UsageError
from vedette.model.incidents import Incident, StoredEvent, Wanted
from vedette.store.counts import SqlCounts
from vedette.store.database import Database
from vedette.store.event_rows import MINUTE_NS, put_event, put_incident
from vedette.store.events import Bucket, SqlEventStore
from vedette.store.schema import camera_hours, counts, event_hours, events, incidents, series

pytest_plugins = ["databases"]

WHOLE_HOUR = UTC // HOUR * HOUR
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = {
    "camera": st.sampled_from(["gate", "yard"]), "rule": st.sampled_from(["fence", "Fence", "door"]),
    "kind": st.sampled_from(["crossed", "left"]), "label": st.sampled_from(["person", "car", ""]),
    "severity": st.sampled_from(["info", "alert", "alarm"]),
}  # fmt: skip
MINUTES = st.integers(0, 400)


@st.composite
def stored_events(draw: st.DrawFn) -> list[StoredEvent]:
    found = []
    for n in range(1, draw(st.integers(0, 15)) + 1):
        facts: dict[str, Any] = {name: draw(words) for name, words in NAMES.items()}
        at = WHOLE_HOUR + draw(MINUTES) * 30 * SECOND
        plain = event(n, incident=draw(st.sampled_from([None, 7, 8])), at_utc_ns=at)
        about = replace(plain.event, **{name: facts[name] for name in ("rule", "kind", "label")})
        test = draw(st.booleans()) and draw(st.booleans())
        found.append(replace(plain, id=n, camera=facts["camera"], severity=facts["severity"], event=about, test=test))
    return found


FILTERS: st.SearchStrategy[Wanted] = st.builds(
    Wanted, **{name: st.none() | words for name, words in NAMES.items()},
    incident=st.none() | st.sampled_from([7, 8, 9]),
    start_utc_ns=st.none() | MINUTES.map(lambda m: WHOLE_HOUR + m * 30 * SECOND),
    end_utc_ns=st.none() | MINUTES.map(lambda m: WHOLE_HOUR + m * 30 * SECOND),
)  # fmt: skip


def fill(database: Database, some: list[StoredEvent], cases: list[Incident] | None = None) -> SqlEventStore:
    with database.writing() as connection:
        for table in (event_hours, camera_hours, counts, events, series, incidents):
            connection.execute(delete(table))
        for one in some:
            put_event(connection, one)
        for case in cases or []:
            put_incident(connection, case)
    return SqlEventStore(database)


def fits(one: StoredEvent, wanted: Wanted) -> bool:
    facts: dict[str, Any] = {
        "camera": one.camera, "rule": one.event.rule, "kind": one.event.kind, "label": one.event.label,
        "severity": one.severity, "incident": one.incident,
    }  # fmt: skip
    after = wanted.start_utc_ns is None or one.event.at.utc_ns >= wanted.start_utc_ns
    before = wanted.end_utc_ns is None or one.event.at.utc_ns < wanted.end_utc_ns
    return after and before and all(getattr(wanted, name) in (None, value) for name, value in facts.items())


@SETTINGS
@given(stored_events(), FILTERS, st.integers(1, 5))
def test_events_page_by_page(database: Database, some: list[StoredEvent], wanted: Wanted, limit: int) -> None:
    store = fill(database, some)
    expected = sorted((one for one in some if fits(one, wanted)), key=lambda one: (-one.event.at.utc_ns, -one.id))
    found: list[StoredEvent] = []
    before = None
    while page := store.events(wanted, before, limit):
        assert len(page) <= limit
        found += page
        before = page[-1].id
    assert found == expected


def test_many_series_are_asked_in_several_statements(database: Database) -> None:
    some = [
        replace(
            event(n, at_utc_ns=UTC + n), id=n, event=replace(event(n, at_utc_ns=UTC + n).event, rule=f"rule-{n % 120}")
        )
        for n in range(1, 241)
    ]
    store = fill(database, some)
    assert [one.id for one in store.events(Wanted(camera="gate"), None, 30)] == list(range(240, 210, -1))
    assert [one.id for one in store.events(Wanted(rule="rule-5"), None, 30)] == [125, 5]
    assert store.events(Wanted(rule="rule"), None, 30) == []


def test_the_page_after_an_event_that_has_gone(database: Database) -> None:
    from_id = [(UTC // 1_000_000 + n * 1000) << 22 for n in range(5)]
    some = [replace(event(1, at_utc_ns=UTC + n * SECOND), id=number) for n, number in enumerate(from_id)]
    store = fill(database, some)
    store.forget(UTC + 1)
    assert [one.id for one in store.events(limit=9)] == from_id[:0:-1]
    assert store.events(before=from_id[0]) == []


@SETTINGS
@given(
    stored_events(), st.none() | st.lists(NAMES["camera"], max_size=2, unique=True),
    st.sampled_from([600 * SECOND, HOUR, 2 * HOUR]), st.tuples(st.integers(0, 3), st.integers(1, 5)),
)  # fmt: skip
def test_a_time_line(
    database: Database, some: list[StoredEvent], cameras: list[str] | None, bucket: int, hours: tuple[int, int]
) -> None:
    store = fill(database, some)
    start, end = WHOLE_HOUR + hours[0] * HOUR, WHOLE_HOUR + sum(hours) * HOUR
    there = [
        one
        for one in some
        if not one.test and start <= one.event.at.utc_ns < end and (cameras is None or one.camera in cameras)
    ]
    expected = Counter(((one.event.at.utc_ns - start) // bucket, str(one.severity)) for one in there)
    buckets = sorted({at for at, _ in expected})
    assert store.timeline(cameras, start, end, bucket) == [
        Bucket(start + at * bucket, *(expected[at, name] for name in ("info", "alert", "alarm"))) for at in buckets
    ]


def test_a_day_that_begins_within_an_hour_is_exact_while_it_is_short(database: Database) -> None:
    start = WHOLE_HOUR + 1800 * SECOND
    store = fill(database, [event(n, at_utc_ns=start - 1 + n) for n in range(1, 4)] + [event(9, at_utc_ns=start - 1)])
    assert store.timeline(None, start, start + 24 * HOUR, 24 * HOUR) == [Bucket(start, 0, 0, 3)]


def test_a_year_of_half_hour_time_zones_counts_whole_hours(database: Database) -> None:
    start = WHOLE_HOUR + 1800 * SECOND
    store = fill(database, [event(1, at_utc_ns=start), event(2, at_utc_ns=start + 40 * 24 * HOUR)])
    found = store.timeline(["gate"], start, start + 365 * 24 * HOUR, 24 * HOUR)
    assert [bucket.total for bucket in found] == [1, 1]
    assert found[0].start_utc_ns == start


@pytest.mark.parametrize("bucket", [0, -HOUR, SECOND])
def test_too_many_stretches(database: Database, bucket: int) -> None:
    with pytest.raises(UsageError, match="10000"):
        SqlEventStore(database).timeline(None, 0, 1000 * HOUR, bucket)


def test_totals_by_the_minute_and_longer(database: Database) -> None:
    minute = UTC // MINUTE_NS * MINUTE_NS
    fill(
        database, [event(n, at_utc_ns=minute + n * 20 * SECOND) for n in range(6)[1:]] + [replace(event(9), test=True)]
    )
    totals = SqlCounts(database)
    found = totals.between("gate", minute, minute + HOUR)
    assert [(count.start_utc_ns - minute, count.n) for count in found] == [(0, 2), (MINUTE_NS, 3)]
    (hour,) = totals.between("gate", minute, minute + HOUR, rule="fence", step_ns=HOUR)
    assert (hour.kind, hour.label, hour.direction, hour.n) == ("crossed", "person", "forward", 5)
    assert totals.between("gate", minute, minute + HOUR, rule="none") == []
    with pytest.raises(UsageError):
        totals.between("gate", 0, 1, step_ns=90 * SECOND)


def test_totals_outlive_events(database: Database) -> None:
    store = fill(database, [event(n) for n in range(1, 4)], [incident(1)])
    assert store.forget(UTC + 1, limit=2) == 3
    assert store.forget(UTC + 1) == 1
    assert store.events() == []
    assert SqlCounts(database).between("gate", 0, 2 * UTC)[0].n == 3


def test_numbers_that_are_none(database: Database) -> None:
    odd = replace(event(1), event=replace(event(1).event, score=float("nan"), value=float("inf"), box=None, trace=()))
    store = fill(database, [odd])
    assert store.events() == [replace(odd, event=replace(odd.event, score=0.0, value=None))]


def test_incidents_by_what_took_part(database: Database) -> None:
    names = [("fence",), ("Fence", 'a"fence"'), ("fence%", "x,fence"), ("door", "fence")]
    cases = [
        replace(incident(n), rules=rules, opened_utc_ns=UTC + n, last_utc_ns=UTC + n, labels=("50%",) if n == 2 else ())
        for n, rules in enumerate(names, 1)
    ]
    store = fill(database, [], cases)
    assert [case.id for case in store.incidents(Wanted(rule="fence"))] == [4, 1], "not what only sounds like it"
    assert [case.id for case in store.incidents(Wanted(rule='a"fence"'))] == [2]
    assert [case.id for case in store.incidents(Wanted(label="50%"))] == [2]
    assert [case.id for case in store.incidents(Wanted(label="%"))] == []
    assert [case.id for case in store.incidents(limit=2)] == [4, 3]
    assert [case.id for case in store.incidents(before=3, limit=2)] == [2, 1]
    store.review(3, "confirmed", "", by="ann")
    assert [case.id for case in store.incidents(Wanted(review="confirmed"))] == [3]
    assert [case.id for case in store.incidents(Wanted(camera="yard"))] == []
    assert [case.id for case in store.incidents(Wanted(severity="alarm", incident=2))] == [2]


def test_incidents_by_time(database: Database) -> None:
    closed = replace(incident(1), last_utc_ns=UTC + 5, closed_utc_ns=UTC + 9)
    still_open = replace(incident(2), opened_utc_ns=UTC + 1, last_utc_ns=UTC + 1)
    store = fill(database, [], [closed, still_open])
    assert [case.id for case in store.incidents(Wanted(start_utc_ns=UTC + 6))] == [2], "it may still grow"
    assert [case.id for case in store.incidents(Wanted(start_utc_ns=UTC + 5))] == [2, 1]
    assert [case.id for case in store.incidents(Wanted(end_utc_ns=UTC + 1))] == [1]
