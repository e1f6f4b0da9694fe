"""Events and incidents: kept in one transaction, looked up by filters, summed over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from vedette.model.identity import made_utc_ns
from vedette.model.incidents import Incident, Review, StoredEvent, Wanted
from vedette.store.database import Database
from vedette.store.event_rows import incident_of, put_event, put_incident, read_events, word
from vedette.store.looking_up import event_ids, older
from vedette.store.schema import events, incidents
from vedette.store.timeline import Bucket, read_timeline

__all__ = ["Bucket", "SqlEventStore"]

_ALL: Final = Wanted()


class SqlEventStore:
    """The `EventStore` in a database. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_event(self, event: StoredEvent, incident: Incident | None) -> None:
        """Keep an event, and its incident as it stands with it, in one transaction.

        The sums of its hour and minute grow with it, once: an event that is there already changes nothing.
        """
        with self._database.writing() as connection:
            put_event(connection, event)
            if incident is not None:
                put_incident(connection, incident)

    def put_incident(self, incident: Incident) -> None:
        """Keep an incident as it stands now; by `incident.id`. A review that is there stays unless this one has one."""
        with self._database.writing() as connection:
            put_incident(connection, incident)

    def review(self, number: int, review: Review, note: str, *, by: str) -> Incident | None:
        """What `by` makes of an incident; the incident as it is then, or None when there is none of that id."""
        said = {"review": review, "note": note, "reviewed_by": by, "reviewed_utc_ns": self._database.clock.utc_ns()}
        with self._database.writing() as connection:
            connection.execute(update(incidents).where(incidents.c.id == number).values(**said))
            return _incident(connection, number)

    def event(self, number: int) -> StoredEvent | None:
        """One event."""
        with self._database.reading() as connection:
            found = read_events(connection, [number])
            return found[0] if found else None

    def incident(self, number: int) -> Incident | None:
        """One incident."""
        with self._database.reading() as connection:
            return _incident(connection, number)

    def events(self, wanted: Wanted = _ALL, before: int | None = None, limit: int = 100) -> Sequence[StoredEvent]:
        """At most `limit` events, the newest happening first (of one moment: by id); only such after event `before`.

        The id of the last one is the `before` of the next page.
        """
        with self._database.reading() as connection:
            return read_events(connection, event_ids(connection, wanted, before, limit))

    def incidents(self, wanted: Wanted = _ALL, before: int | None = None, limit: int = 100) -> Sequence[Incident]:
        """At most `limit` incidents, the one opened last first; only such after incident `before`.

        What they have no field for (`kind`) is not looked at.
        """
        query = select(incidents).where(*_of_incidents(wanted))
        order = incidents.c.opened_utc_ns.desc(), incidents.c.id.desc()
        with self._database.reading() as connection:
            if before is not None:
                known = _incident(connection, before)
                opened = known.opened_utc_ns if known else made_utc_ns(before)
                query = query.where(older(incidents.c.opened_utc_ns, incidents.c.id, opened, before))
            return [incident_of(row) for row in connection.execute(query.order_by(*order).limit(limit))]

    def timeline(
        self, cameras: Sequence[str] | None, start_utc_ns: int, end_utc_ns: int, bucket_ns: int
    ) -> Sequence[Bucket]:
        """How many events each stretch of `bucket_ns` from `start_utc_ns` on holds: tests and empty ones left out.

        cameras  None for all

        Stretches of whole hours that begin on one are read from sums kept for that, and so are longer times in general:
        there an hour is counted where it begins. Raises UsageError for more than 10 000 stretches.
        """
        with self._database.reading() as connection:
            return read_timeline(connection, cameras, start_utc_ns, end_utc_ns, bucket_ns)

    def counts(self, camera: str, start_utc_ns: int, end_utc_ns: int, step_ns: int) -> Sequence[tuple[int, int, int]]:
        """`(start_utc_ns, events, alarms)` of each stretch of `step_ns` from `start_utc_ns` that has any."""
        found = self.timeline([camera], start_utc_ns, end_utc_ns, step_ns)
        return [(bucket.start_utc_ns, bucket.total, bucket.alarm) for bucket in found]

    def forget(self, before_utc_ns: int, limit: int = 10_000) -> int:
        """Delete the oldest events and incidents, at most `limit` of each, that lie before that time; how many went.

        Sums stay: they hold no identity.
        """
        with self._database.writing() as connection:
            return sum(_delete_oldest(connection, table, column, before_utc_ns, limit) for table, column in _AGED)


_AGED: Final = ((events, events.c.at_utc_ns), (incidents, incidents.c.last_utc_ns))


def _delete_oldest(connection: Connection, table: Any, at: Any, before: int, limit: int) -> int:  # noqa: ANN401
    oldest = select(table.c.id).where(at < before).order_by(at).limit(limit)
    return int(connection.execute(delete(table).where(table.c.id.in_(oldest.scalar_subquery()))).rowcount)


def _incident(connection: Connection, number: int) -> Incident | None:
    row = connection.execute(select(incidents).where(incidents.c.id == number)).first()
    return None if row is None else incident_of(row)


def _of_incidents(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, value in (
        (incidents.c.camera, wanted.camera), (incidents.c.severity, wanted.severity),
        (incidents.c.review, wanted.review), (incidents.c.id, wanted.incident),
    ):  # fmt: skip
        if value is not None:
            found.append(column == value)
    # LIKE takes no account of case in SQLite; what changes when the word is taken out holds it.
    for column, name in ((incidents.c.rules, wanted.rule), (incidents.c.labels, wanted.label)):
        if name is not None:
            found.append(func.replace(column, word(name), "") != column)
    if wanted.start_utc_ns is not None:
        found.append(or_(incidents.c.last_utc_ns >= wanted.start_utc_ns, incidents.c.closed_utc_ns.is_(None)))
    if wanted.end_utc_ns is not None:
        found.append(incidents.c.opened_utc_ns < wanted.end_utc_ns)
    return found
