"""Events and incidents as rows, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, case, select

from vedette.model.events import Direction, RuleEvent
from vedette.model.incidents import Incident, StoredEvent
from vedette.model.time import NS_PER_S, Instant
from vedette.store import statements
from vedette.store.columns import clean
from vedette.store.packing import pack_geometry, unpack_geometry
from vedette.store.schema import camera_hours, counts, event_hours, events, incidents, series

HOUR_NS: Final = 3600 * NS_PER_S
MINUTE_NS: Final = 60 * NS_PER_S
ALL_CAMERAS: Final = ""
"""The name under which `camera_hours` holds the sum over all cameras."""


def put_event(connection: Connection, stored: StoredEvent) -> bool:
    """Add an event and count it, unless it is there already; whether it was added. Tests are not counted."""
    number = _series_number(connection, stored)
    if not statements.put_new(connection, events, _event_row(stored, number)):
        return False
    if stored.test:
        return True
    at = stored.event.at.utc_ns
    hour = {"hour_utc_ns": at // HOUR_NS * HOUR_NS}
    one = {name: int(name == stored.severity) for name in ("info", "alert", "alarm")}
    statements.add(connection, event_hours, {"series": number, **hour}, {"n": 1})
    statements.add(connection, camera_hours, {"camera": stored.camera, **hour}, one)
    statements.add(connection, camera_hours, {"camera": ALL_CAMERAS, **hour}, one)
    statements.add(connection, counts, {"series": number, "minute_utc_ns": at // MINUTE_NS * MINUTE_NS}, {"n": 1})
    return True


def _series_number(connection: Connection, stored: StoredEvent) -> int:
    event = stored.event
    facts = {
        "camera": stored.camera, "rule": event.rule, "kind": event.kind, "label": event.label,
        "direction": event.direction or "", "severity": stored.severity, "test": stored.test,
    }  # fmt: skip
    query = select(series.c.id).where(*(series.c[name] == value for name, value in facts.items()))
    found = connection.execute(query).scalar()
    if found is None:
        statements.put_new(connection, series, facts)
        found = connection.execute(query).scalar_one()
    return int(found)


def _event_row(stored: StoredEvent, number: int) -> dict[str, Any]:
    event = stored.event
    return {
        "id": stored.id, "series": number, "run": stored.run, "incident": stored.incident,
        "rule_hash": event.rule_hash, "at_utc_ns": event.at.utc_ns, "at_stream_ns": event.at.stream_ns,
        "known_utc_ns": event.known_at.utc_ns, "known_stream_ns": event.known_at.stream_ns, "frame": event.frame,
        "track": event.track, "score": event.score, "direction_name": event.direction_name, "value": event.value,
        "geometry": pack_geometry(event.anchor, event.box, event.trace),
    }  # fmt: skip


def read_events(connection: Connection, numbers: Sequence[int]) -> list[StoredEvent]:
    """The events with those ids, in that order; those that have gone are left out."""
    found: dict[int, StoredEvent] = {}
    facts = [series.c[name] for name in ("camera", "rule", "kind", "label", "direction", "severity", "test")]
    for some in statements.chunks(numbers):
        query = select(events, *facts).join_from(events, series).where(events.c.id.in_(some))
        found |= {row.id: _stored_event(row) for row in connection.execute(query)}
    return [found[number] for number in numbers if number in found]


def _stored_event(row: Row[Any]) -> StoredEvent:
    anchor, box, trace = unpack_geometry(None if row.geometry is None else bytes(row.geometry))
    event = RuleEvent(
        rule=row.rule, rule_hash=row.rule_hash, kind=row.kind, at=Instant(row.at_stream_ns, row.at_utc_ns),
        frame=row.frame, known_at=Instant(row.known_stream_ns, row.known_utc_ns), track=row.track, label=row.label,
        score=0.0 if row.score is None else row.score, direction=cast("Direction | None", row.direction or None),
        direction_name=row.direction_name, anchor=anchor, box=box, trace=trace, value=row.value,
    )  # fmt: skip
    return StoredEvent(row.id, row.camera, row.run, event, row.severity, row.incident, row.test)


def put_incident(connection: Connection, incident: Incident) -> None:
    """Add an incident, or bring it up to date. What a person has said of it is not taken back by one that says new."""
    row = {
        "id": incident.id, "camera": incident.camera, "opened_utc_ns": incident.opened_utc_ns,
        "last_utc_ns": incident.last_utc_ns, "closed_utc_ns": incident.closed_utc_ns, "severity": incident.severity,
        "rules": words(incident.rules), "labels": words(incident.labels), "events": incident.events,
        "review": incident.review, "note": incident.note,
    }  # fmt: skip
    statement = statements.insert(connection, incidents).values(**row, reviewed_by="", reviewed_utc_ns=None)
    new, old = statement.excluded, incidents.c
    changed: dict[str, Any] = {name: new[name] for name in row if name != "id"}
    changed["review"] = case((new.review == "new", old.review), else_=new.review)
    changed["note"] = case((new.note == "", old.note), else_=new.note)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))


def incident_of(row: Row[Any]) -> Incident:
    """A row of `incidents`."""
    return Incident(
        row.id, row.camera, row.opened_utc_ns, row.last_utc_ns, row.closed_utc_ns, row.severity,
        tuple(json.loads(row.rules)), tuple(json.loads(row.labels)), row.events, row.review, row.note,
    )  # fmt: skip


def words(names: Sequence[str]) -> str:
    """Names as a JSON list, written so that `word` is a part of it exactly where the list holds that name."""
    return json.dumps([clean(name) for name in names], ensure_ascii=False, separators=(",", ":"))


def word(name: str) -> str:
    """How a list of `words` spells a name. Quotes inside of names are escaped, so nothing else reads like it."""
    return json.dumps(clean(name), ensure_ascii=False)
