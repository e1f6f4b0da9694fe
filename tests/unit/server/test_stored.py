"""The routes over a real database: what the server asks of the store is what the store answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from fakes import UTC_NS
from server_parts import ask, incident, segment, server_parts, stored_event
from vedette.clock import SimulatedClock
from vedette.model.identity import new_id
from vedette.model.recording import Gap, Run
from vedette.model.time import NS_PER_S
from vedette.server.app import create_app
from vedette.store.database import Database
from vedette.store.events import SqlEventStore
from vedette.store.ledger import SqlLedger
from vedette.store.recordings import SqlRecordings

HOUR = 3600


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'vedette.db'}", clock=SimulatedClock(UTC_NS))
    yield opened
    opened.close()


@pytest.fixture
def app(database: Database) -> FastAPI:
    recordings = SqlRecordings(database)
    parts = server_parts(
        clock=SimulatedClock(UTC_NS + HOUR * NS_PER_S), recordings=recordings, findings=SqlEventStore(database)
    )
    return create_app(parts)


def test_nothing_is_there_yet(app: FastAPI) -> None:
    assert ask(app, "/api/v1/events").json() == {"events": [], "next": None}
    assert ask(app, "/api/v1/incidents").json() == {"incidents": [], "next": None}
    line = ask(app, "/api/v1/cameras/gate/timeline").json()
    assert (line["recorded"], line["gaps"], line["counts"]) == ([], [], [])
    assert ask(app, "/readyz").json()["checks"]["database"] == "ok"


def test_events_and_incidents_come_back_in_pages(app: FastAPI, database: Database) -> None:
    store = SqlEventStore(database)
    for second in range(5):
        number = new_id(UTC_NS + second * NS_PER_S)
        store.put_event(stored_event(number, seconds=second), incident(number + 1))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask(app, "/api/v1/events", params={"limit": 2, "camera": "gate", "label": "person", **cursor}).json()
        seen += [event["at"][-5:-1] for event in page["events"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(seen) == 5
    assert ask(app, "/api/v1/events", params={"severity": "alarm"}).json()["events"] == []
    assert len(ask(app, "/api/v1/incidents", params={"severity": "alarm"}).json()["incidents"]) == 5
    one = ask(app, "/api/v1/incidents", params={"limit": 1}).json()["incidents"][0]
    of_it = ask(app, "/api/v1/events", params={"incident": one["id"]}).json()["events"]
    assert [event["incident"] for event in of_it] == [one["id"]]
    counts = ask(app, "/api/v1/cameras/gate/timeline", params={"resolution": 60}).json()["counts"]
    assert sum(count["events"] for count in counts) == 5


def test_a_time_line_of_what_was_recorded(app: FastAPI, database: Database) -> None:
    ledger = SqlLedger(database)
    ledger.begin_run(Run(1, "gate", "main", UTC_NS))
    for number, start_s in ((1, 0), (2, 60), (3, 300)):
        ledger.commit(segment(number, start_s, 60))
    gap = Gap(9, "gate", "main", UTC_NS + 120 * NS_PER_S, UTC_NS + 300 * NS_PER_S, "camera_lost", "silent")
    ledger.put_gap(gap)
    line = ask(app, "/api/v1/cameras/gate/timeline").json()
    assert [(span["start"][14:19], span["end"][14:19]) for span in line["recorded"]] == [
        ("13:20", "15:20"),
        ("18:20", "19:20"),
    ]
    assert [(one["reason"], one["text"], one["wanted"]) for one in line["gaps"]] == [("camera_lost", "silent", False)]
    assert ask(app, "/api/v1/cameras/yard/timeline").json()["recorded"] == []
