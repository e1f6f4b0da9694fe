"""The smaller tables: tracks, heat, access log, cameras, rule versions, and hostile text in all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text

from stored import HOUR, SECOND, UTC, event, incident, lock, run, segment
from vedette.model.errors import DatabaseError
from vedette.model.health import Alarm
from vedette.model.incidents import Wanted
from vedette.model.recording import Gap, Storage
from vedette.model.track_line import TrackLine
from vedette.store.access import Access, SqlAccessLog
from vedette.store.cameras import SqlCameras
from vedette.store.database import Database
from vedette.store.events import SqlEventStore
from vedette.store.heat import SqlHeat
from vedette.store.ledger import SqlLedger
from vedette.store.locks import SqlLocks
from vedette.store.recordings import RecordedStream, SqlRecordings
from vedette.store.rule_versions import RuleVersion, SqlRuleVersions
from vedette.store.tracks import SqlTracks
from vedette.store.troubles import SqlAlarms

pytest_plugins = ["databases"]


def track(n: int, start_s: float = 0.0, lasts_s: float = 2.0, camera: str = "gate", label: str = "person") -> TrackLine:
    at = np.array([0, int(lasts_s * SECOND)], np.int64)
    start = UTC + int(start_s * SECOND)
    return TrackLine(
        n, camera, 5, n % 100, label, start, start + int(lasts_s * SECOND), 16 / 9, at, np.full((2, 4), 0.25),
        np.full(2, 0.5), int(lasts_s * SECOND) + 7,
    )  # fmt: skip


def test_tracks_of_a_time(database: Database) -> None:
    tracks = SqlTracks(database)
    for line in (track(1, 0, 3600), track(2, 10), track(3, 20), track(4, 10, camera="yard"), track(2, 99)):
        tracks.put(line)
    found = tracks.between("gate", UTC + 11 * SECOND, UTC + 20 * SECOND)
    assert [line.id for line in found] == [1, 2], "also what began long before; twice changes nothing"
    assert [line.id for line in tracks.between("gate", UTC + 12 * SECOND, UTC + 20 * SECOND)] == [1]
    assert [line.id for line in tracks.between("gate", UTC + 3600 * SECOND, 2 * UTC)] == []
    first = found[0]
    assert (first.label, first.track, first.run, first.ended_ns) == ("person", 1, 5, 3600 * SECOND + 7)
    assert first.aspect == 16 / 9
    assert first.at_ns.tolist() == [0, 3600 * SECOND]
    assert np.abs(first.box - 0.25).max() <= 1 / 65535
    assert tracks.forget(UTC + 15 * SECOND) == 2
    assert [line.id for line in tracks.between("gate", 0, 2 * UTC)] == [1, 3]


def test_a_track_over_which_the_clock_was_set_back(database: Database) -> None:
    back = replace(track(1), end_utc_ns=UTC - HOUR)
    SqlTracks(database).put(back)
    assert [line.id for line in SqlTracks(database).between("gate", UTC, UTC + 1)] == [1]


def test_a_track_that_is_no_number_is_refused(database: Database) -> None:
    with pytest.raises(DatabaseError):
        SqlTracks(database).put(replace(track(1), box=np.full((2, 4), np.nan)))
    assert SqlTracks(database).between("gate", 0, 2 * UTC) == []


def test_heat_adds_up(database: Database) -> None:
    heat, ones = SqlHeat(database), np.ones((2, 3))
    assert heat.total("gate", "map", "seconds", 0, 2 * UTC) is None
    heat.add("gate", "map", "seconds", UTC, ones)
    heat.add("gate", "map", "seconds", UTC + 1, 2 * ones)
    heat.add("gate", "map", "seconds", UTC + HOUR, 4 * ones)
    heat.add("gate", "map", "visits", UTC, 8 * ones)
    total = heat.total("gate", "map", "seconds", 0, 2 * UTC)
    assert total is not None
    assert total.tolist() == (7 * ones).tolist()
    hour = UTC // HOUR * HOUR
    first = heat.total("gate", "map", "seconds", hour, hour + HOUR)
    assert first is not None
    assert first.tolist() == (3 * ones).tolist()
    heat.add("gate", "map", "seconds", UTC + 2 * HOUR, np.full((4, 4), 0.5))
    finer = heat.total("gate", "map", "seconds", 0, 2 * UTC)
    assert finer is not None
    assert finer.shape == (4, 4), "grids of another size cannot be added"
    for bad in (np.zeros(3), np.zeros((0, 2)), np.full((1, 1), np.nan)):
        with pytest.raises(DatabaseError):
            heat.add("gate", "map", "seconds", UTC, bad)


def test_the_access_log_only_grows(database: Database) -> None:
    log = SqlAccessLog(database)
    entries = [
        Access(n, UTC + n, "ann" if n % 2 else "ben", "playback", "gate", "operator", "192.0.2.7", UTC, UTC + HOUR,
               "theft", "done", {"clip": n, "parts": [1, 2]})
        for n in range(1, 6)
    ]  # fmt: skip
    for entry in entries:
        log.add(entry)
    log.add(replace(entries[0], who="somebody else"))
    assert log.newest() == entries[::-1]
    assert log.newest(2, before=4) == [entries[2], entries[1]]
    assert log.newest(who="ben") == [entries[3], entries[1]]
    assert log.newest(target="yard") == []
    for statement in ("UPDATE access_log SET who = 'nobody'", "DELETE FROM access_log"):
        with pytest.raises(DatabaseError, match="append-only"):
            _run(database, statement)
    assert log.newest() == entries[::-1]


def _run(database: Database, statement: str) -> None:
    with database.writing() as connection:
        connection.execute(text(statement))


def test_names_of_cameras(database: Database) -> None:
    cameras = SqlCameras(database)
    cameras.put({"gate": "Gate", "yard": "Yard"})
    cameras.put({"gate": "Front gate"})
    assert cameras.names() == {"gate": "Front gate", "yard": "Yard"}


def test_versions_of_rules(database: Database) -> None:
    rules = SqlRuleVersions(database)
    version = RuleVersion("abc", "line_crossing", {"line": [[0.1, 0.2], [0.3, 0.4]], "labels": ["person"]}, UTC)
    rules.put(version)
    rules.put(replace(version, first_utc_ns=2 * UTC))
    assert rules.get("abc") == version
    assert rules.get("none") is None


def test_what_is_recorded(database: Database) -> None:
    ledger, recordings = SqlLedger(database), SqlRecordings(database)
    assert recordings.streams() == []
    for n in (1, 2, 3):
        ledger.commit(segment(n))
    ledger.commit(replace(segment(4), camera="yard", stream="sub", storage="other"))
    size = segment(1).size
    assert recordings.cameras() == ["gate", "yard"]
    assert recordings.streams() == [
        RecordedStream("gate", "main", 3, 3 * size, segment(1).start_utc_ns, segment(3).end_utc_ns),
        RecordedStream("yard", "sub", 1, size, segment(4).start_utc_ns, segment(4).end_utc_ns),
    ]
    ledger.condemn([segment(4).id])
    assert recordings.cameras() == ["gate"]


def test_a_time_line_of_recordings(database: Database) -> None:
    ledger, recordings = SqlLedger(database), SqlRecordings(database)
    for n in (1, 2, 3, 6, 7):
        ledger.commit(segment(n))
    gap = Gap(1, "gate", "main", segment(3).end_utc_ns, segment(6).start_utc_ns, "camera_lost")
    short = Gap(2, "gate", "main", segment(7).end_utc_ns, segment(7).end_utc_ns + 5, "connecting")
    for one in (gap, short):
        ledger.put_gap(one)
    start, end = segment(2).start_utc_ns + SECOND, segment(9).end_utc_ns
    shown = recordings.coverage("gate", "main", start, end, SECOND)
    assert [(span.start_utc_ns, span.end_utc_ns) for span in shown.spans] == [
        (start, segment(3).end_utc_ns),
        (segment(6).start_utc_ns, segment(7).end_utc_ns),
    ]
    assert shown.gaps == [gap]
    coarse = recordings.coverage("gate", "main", start, end, 60 * SECOND)
    assert [(span.start_utc_ns, span.end_utc_ns) for span in coarse.spans] == [(start, segment(7).end_utc_ns)]
    assert coarse.gaps == []


HOSTILE = [
    "<img src=x onerror=alert(1)>", "'; DROP TABLE events; --", "../../etc/passwd", "$(id)", "\u202egnp.exe",
    "a" * 10_000, "\0nul\0", "half \ud800 pair", "%_\\", '"', "\\", "\r\n\t\v", "{}[],:",
    "漢字 emoji \U0001f9ff", "", " ", "NULL", ":name", "?",
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_only_text(database: Database, hostile: str) -> None:
    kept = hostile.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
    ledger, store = SqlLedger(database), SqlEventStore(database)
    written = replace(segment(1), camera=hostile, stream=hostile, storage=hostile, path=hostile or "path")
    ledger.put_storage(Storage(hostile, hostile))
    ledger.commit(written)
    found = ledger.segment(written.id)
    assert found is not None
    assert (found.camera, found.stream, found.storage, found.path) == (kept, kept, kept, kept or "path")
    assert SqlRecordings(database).between(hostile, hostile, 0, 2**62) == [found]
    assert [number for number, _, _ in ledger.known(hostile)] == [written.id]
    ledger.begin_run(replace(run(1), camera=hostile, stream=hostile, node=hostile))
    assert ledger.open_runs()[0].node == kept
    gap = Gap(1, hostile, hostile, UTC, None, "off", hostile)
    ledger.put_gap(gap)
    assert ledger.open_gaps()[0].text == kept
    ledger.raise_alarm(Alarm("camera_lost", hostile, hostile, UTC))
    assert SqlAlarms(database).open()[0].part == kept
    SqlLocks(database).put(replace(lock(segment(1)), camera=hostile, name=hostile, by=hostile))
    assert SqlLocks(database).all(hostile)[0].name == kept
    happened = event(1, incident=3)
    about = replace(
        happened.event, rule=hostile, rule_hash=hostile, kind=hostile, label=hostile, direction_name=hostile
    )
    case = replace(incident(3), camera=hostile, rules=(hostile, "x"), labels=(hostile,), note=hostile)
    store.put_event(replace(happened, camera=hostile, event=about), case)
    wanted = Wanted(camera=hostile, rule=hostile, label=hostile)
    assert [one.event.direction_name for one in store.events(replace(wanted, kind=hostile))] == [kept]
    assert [one.rules for one in store.incidents(wanted)] == [(kept, "x")]
    said = store.review(3, "confirmed", hostile, by=hostile)
    assert said is not None
    assert said.note == kept
    SqlTracks(database).put(track(1, camera=hostile, label=hostile))
    assert SqlTracks(database).between(hostile, 0, 2 * UTC)[0].label == kept
    SqlHeat(database).add(hostile, hostile, hostile, UTC, np.ones((1, 1)))
    assert SqlHeat(database).total(hostile, hostile, hostile, 0, 2 * UTC) is not None
    entry = Access(1, UTC, hostile, "x" + hostile, hostile, hostile, hostile, reason=hostile, detail={hostile: hostile})
    SqlAccessLog(database).add(entry)
    assert SqlAccessLog(database).newest(who=hostile)[0].reason == kept
    SqlCameras(database).put({"gate": hostile})
    assert SqlCameras(database).names() == {"gate": kept}
    SqlRuleVersions(database).put(RuleVersion("x" + hostile, hostile, {hostile: hostile}, UTC))
    version = SqlRuleVersions(database).get("x" + hostile)
    assert version is not None
    assert version.type == kept
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM events")).scalar() == 1
