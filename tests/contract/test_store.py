"""What every database promises as ledger, retention, recordings and event store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from stored import HOUR, SECOND, UTC, event, incident, lock, run, segment
from vedette.clock import SimulatedClock
from vedette.model.errors import DatabaseError
from vedette.model.health import Alarm
from vedette.model.recording import Doomed, Gap, Keep
from vedette.model.recording_ports import EventStore, Ledger, Recordings, Retention
from vedette.store.database import Database
from vedette.store.events import SqlEventStore
from vedette.store.ledger import SqlLedger
from vedette.store.locks import SqlLocks
from vedette.store.recordings import SqlRecordings
from vedette.store.retention import SqlRetention
from vedette.store.troubles import SqlAlarms

pytest_plugins = ["databases"]


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return SqlLedger(database)


@pytest.fixture
def retention(database: Database) -> Retention:
    return SqlRetention(database)


@pytest.fixture
def recordings(database: Database) -> Recordings:
    return SqlRecordings(database)


@pytest.fixture
def event_store(database: Database) -> EventStore:
    return SqlEventStore(database)


def test_a_segment_comes_back_as_it_was(ledger: Ledger, recordings: Recordings) -> None:
    written = segment(1)
    ledger.commit(written)
    assert ledger.segment(written.id) == written
    assert recordings.between("gate", "main", written.start_utc_ns, written.start_utc_ns + 1) == [written]
    assert list(ledger.known(written.storage)) == [(written.id, written.path, written.size)]
    assert ledger.segment(written.id + 1) is None


def test_committing_twice_changes_nothing(ledger: Ledger, retention: Retention) -> None:
    written = segment(1)
    ledger.commit(written)
    ledger.commit(written)
    assert list(ledger.known("disk")) == [(written.id, written.path, written.size)]
    assert retention.used("disk") == (written.size, 0)


def test_condemned_segments_go_through_garbage(ledger: Ledger, retention: Retention, recordings: Recordings) -> None:
    first, second = segment(1), segment(2)
    for written in (first, second):
        ledger.commit(written)
    ledger.condemn([first.id])
    assert ledger.segment(first.id) is None
    assert list(ledger.garbage("disk")) == [(first.id, first.path)]
    assert list(ledger.garbage("elsewhere")) == []
    assert [found.id for found in recordings.between("gate", "main", 0, 2**62)] == [second.id]
    assert retention.used("disk") == (second.size, 0)
    ledger.forget([first.id])
    assert list(ledger.garbage("disk")) == []


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_late_commit_does_not_bring_back_what_was_condemned(
    ledger: Ledger, retention: Retention, clock: SimulatedClock, forgotten: bool
) -> None:
    ledger.commit(segment(1))
    ledger.condemn([segment(1).id])
    if forgotten:
        ledger.forget([segment(1).id])
        clock.advance(3600)
        ledger.forget([])
    ledger.commit(segment(1))
    assert ledger.segment(segment(1).id) is None
    assert retention.used("disk") == (0, 0)


def test_what_is_gone_is_forgotten_for_good_in_the_end(ledger: Ledger, clock: SimulatedClock) -> None:
    ledger.commit(segment(1))
    ledger.condemn([segment(1).id])
    ledger.forget([segment(1).id])
    clock.advance(25 * 3600)
    ledger.forget([])
    ledger.commit(segment(1))
    assert ledger.segment(segment(1).id) is not None, "a file that was put back can be indexed again"


def test_condemning_what_is_not_there_is_nothing(ledger: Ledger) -> None:
    ledger.condemn([])
    ledger.condemn([segment(1).id])
    ledger.forget([segment(1).id])
    assert list(ledger.garbage("disk")) == []


def test_more_than_one_page_of_segments_and_garbage(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vedette.store.ledger._PAGE", 3)
    numbers = [segment(n).id for n in range(1, 8)]
    for n in range(1, 8):
        ledger.commit(segment(n))
    assert [number for number, _, _ in ledger.known("disk")] == numbers
    ledger.condemn(numbers)
    assert [number for number, _ in ledger.garbage("disk")] == numbers


def test_evidence_that_was_locked_meanwhile_is_not_condemned(
    ledger: Ledger, retention: Retention, database: Database
) -> None:
    for n in (1, 2):
        ledger.commit(segment(n))
    doomed = retention.expired([Keep("gate", "main", 0.0)], UTC + HOUR, 10)
    SqlLocks(database).put(lock(segment(2)))
    with pytest.raises(DatabaseError, match="locked meanwhile"):
        ledger.condemn([one.id for one in doomed])
    assert ledger.segment(segment(1).id) is not None, "in one transaction"
    assert list(ledger.garbage("disk")) == []


def test_runs_begin_end_and_stay_ended(ledger: Ledger) -> None:
    ledger.begin_run(run(1))
    ledger.begin_run(run(2))
    assert ledger.open_runs() == [run(1), run(2)]
    ended = replace(run(1), end_utc_ns=UTC + HOUR, why="camera_lost")
    ledger.end_run(ended)
    ledger.end_run(ended)
    ledger.begin_run(run(1))
    assert ledger.open_runs() == [run(2)]
    ledger.end_run(replace(run(3), end_utc_ns=UTC - HOUR, why="crashed"))
    assert ledger.open_runs() == [run(2)], "a run may end that was never begun here, by a clock that was set back"


def test_gaps_open_and_close(ledger: Ledger, recordings: Recordings) -> None:
    opened = Gap(7, "gate", "main", UTC, None, "camera_lost", "no answer for 5 s")
    ledger.put_gap(opened)
    assert ledger.open_gaps() == [opened]
    assert recordings.gaps("gate", "main", UTC + HOUR, UTC + 2 * HOUR) == [opened], "it lasts"
    closed = replace(opened, end_utc_ns=UTC + SECOND, reason="connecting")
    ledger.put_gap(closed)
    assert ledger.open_gaps() == []
    assert recordings.gaps("gate", "main", UTC, UTC + 1) == [closed]
    assert recordings.gaps("gate", "main", UTC + SECOND, UTC + HOUR) == [], "it ended where this begins"
    assert recordings.gaps("gate", "sub", 0, 2**62) == []


def test_alarms_are_raised_once_and_cleared(ledger: Ledger, database: Database) -> None:
    raised = Alarm("storage_full", "storage:disk", "no room left on the disk; free some", UTC)
    ledger.raise_alarm(raised)
    ledger.raise_alarm(raised)
    assert SqlAlarms(database).open() == [raised]
    cleared = replace(raised, cleared_utc_ns=UTC + SECOND)
    ledger.raise_alarm(cleared)
    assert SqlAlarms(database).open() == []
    assert SqlAlarms(database).newest(5) == [cleared]
    assert SqlAlarms(database).newest(5, UTC) == []


def test_the_end_of_the_newest_segment(ledger: Ledger) -> None:
    assert ledger.last_end_utc_ns("gate", "main") is None
    for n in (3, 1, 2):
        ledger.commit(segment(n))
    assert ledger.last_end_utc_ns("gate", "main") == segment(3).end_utc_ns
    assert ledger.last_end_utc_ns("gate", "sub") is None


def test_times_are_half_open(ledger: Ledger, recordings: Recordings) -> None:
    one = segment(1)
    ledger.commit(one)
    ledger.commit(replace(segment(2), start_utc_ns=one.end_utc_ns + HOUR, duration_ns=0))

    def found(start: int, end: int) -> list[int]:
        return [each.id for each in recordings.between("gate", "main", start, end)]

    assert found(one.end_utc_ns - 1, one.end_utc_ns) == [one.id]
    assert found(one.end_utc_ns, one.end_utc_ns + 1) == []
    assert found(0, one.start_utc_ns) == []
    assert found(0, one.start_utc_ns + 1) == [one.id]
    empty = one.end_utc_ns + HOUR
    assert found(empty, empty + 1) == [segment(2).id], "one picture without a duration is there"
    assert found(empty + 1, empty + 2) == []


def test_a_long_segment_is_found_from_its_middle(ledger: Ledger, recordings: Recordings) -> None:
    ledger.commit(replace(segment(1), duration_ns=10 * HOUR))
    for n in range(2, 9):
        ledger.commit(segment(n))
    assert segment(1).id in {each.id for each in recordings.between("gate", "main", UTC + 9 * HOUR, UTC + 9 * HOUR + 1)}


def test_too_old_and_too_much(ledger: Ledger, retention: Retention) -> None:
    for n in range(1, 11):
        ledger.commit(segment(n))
    size = segment(1).size
    now = segment(10).end_utc_ns
    old = retention.expired([Keep("gate", "main", (now - segment(3).end_utc_ns) / 1e9)], now, 99)
    assert [one.id for one in old] == [segment(n).id for n in (1, 2, 3)]
    much = retention.expired([Keep("gate", "main", None, 8 * size)], now, 99)
    assert much == [Doomed(segment(n).id, "disk", segment(n).path, size) for n in (1, 2)]
    assert [one.id for one in retention.expired([Keep("gate", "main", 0.0, 0)], now, 4)] == [
        segment(n).id for n in (1, 2, 3, 4)
    ]
    assert retention.expired([Keep("gate", "main", None)], now, 99) == []
    assert retention.expired([], now + 10**6 * HOUR, 99) == [], "what nobody limits stays"


def test_the_oldest_of_a_folder_until_there_is_room(ledger: Ledger, retention: Retention) -> None:
    for n in range(1, 6):
        ledger.commit(replace(segment(n), camera="gate" if n % 2 else "yard"))
    ledger.commit(replace(segment(6), storage="elsewhere", start_utc_ns=1))
    size = segment(1).size
    assert [one.id for one in retention.oldest("disk", size + 1, 99)] == [segment(1).id, segment(2).id]
    assert retention.oldest("disk", 0, 99) == []
    assert len(retention.oldest("disk", 99 * size, 3)) == 3
    assert len(retention.oldest("disk", 99 * size, 99)) == 5


def test_nothing_deletes_evidence(
    ledger: Ledger, retention: Retention, recordings: Recordings, database: Database
) -> None:
    for n in range(1, 6):
        ledger.commit(segment(n))
    held = lock(segment(2))
    SqlLocks(database).put(held)
    SqlLocks(database).put(replace(held, id=held.id + 1, name="the same once more"))
    now, size = segment(5).end_utc_ns + HOUR, segment(1).size
    assert recordings.locks("gate")[0] == held
    assert recordings.locks("yard") == []
    assert [one.id for one in retention.expired([Keep("gate", "main", 0.0)], now, 99)] == [
        segment(n).id for n in (1, 3, 4, 5)
    ]
    assert segment(2).id not in {one.id for one in retention.oldest("disk", 99 * size, 99)}
    assert retention.used("disk") == (5 * size, size), "a segment under two locks counts once"
    much = retention.expired([Keep("gate", "main", None, 4 * size)], now, 99)
    assert much == [], "what is locked does not count against the limit"
    assert SqlLocks(database).drop(held.id) == held
    assert SqlLocks(database).drop(held.id) is None
    assert SqlLocks(database).all()[0].name == "the same once more"


def test_an_event_and_its_incident(event_store: SqlEventStore) -> None:
    happened, case = event(1, incident=11), incident(11)
    event_store.put_event(happened, case)
    event_store.put_event(happened, case)
    assert event_store.events() == [happened]
    assert event_store.incidents() == [case]
    assert event_store.event(happened.id) == happened
    assert event_store.counts("gate", UTC - UTC % HOUR, UTC + HOUR, HOUR) == [(UTC - UTC % HOUR, 1, 1)]


def test_a_review_is_not_taken_back_by_what_comes_later(event_store: SqlEventStore) -> None:
    event_store.put_incident(incident(11))
    reviewed = event_store.review(11, "false_alarm", "the cat", by="ann")
    assert reviewed == replace(incident(11), review="false_alarm", note="the cat")
    event_store.put_incident(replace(incident(11), events=5, closed_utc_ns=UTC + HOUR))
    found = event_store.incident(11)
    assert found is not None
    assert (found.review, found.note, found.events) == ("false_alarm", "the cat", 5)
    assert event_store.review(12, "confirmed", "", by="ann") is None


def test_threads_share_a_database(ledger: Ledger, retention: Retention, event_store: EventStore) -> None:
    def add(first: int) -> None:
        for n in range(first, first + 10):
            ledger.commit(segment(n))
            event_store.put_event(event(n), None)
            assert retention.used("disk")[0] >= segment(n).size

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(add, 1 + 10 * thread) for thread in range(6)]:
            done.result()
    assert retention.used("disk") == (60 * segment(1).size, 0)
