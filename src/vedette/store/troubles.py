"""Gaps and alarms as rows, and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from vedette.model.health import Alarm
from vedette.model.recording import Gap
from vedette.store.database import Database
from vedette.store.schema import alarms


def gap_of(row: Row[Any]) -> Gap:
    """A row of `gaps`."""
    return Gap(row.id, row.camera, row.stream, row.start_utc_ns, row.end_utc_ns, row.reason, row.text)


def alarm_of(row: Row[Any]) -> Alarm:
    """A row of `alarms`."""
    return Alarm(row.kind, row.part, row.text, row.raised_utc_ns, row.cleared_utc_ns)


class SqlAlarms:
    """Looking up what was wrong with the system. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> Sequence[Alarm]:
        """Alarms that last, oldest first."""
        query = select(alarms).where(alarms.c.cleared_utc_ns.is_(None)).order_by(alarms.c.raised_utc_ns)
        with self._database.reading() as connection:
            return [alarm_of(row) for row in connection.execute(query)]

    def newest(self, limit: int, before_utc_ns: int | None = None) -> Sequence[Alarm]:
        """At most `limit` alarms, those raised last first; only those raised before `before_utc_ns`."""
        query = select(alarms).order_by(alarms.c.raised_utc_ns.desc(), alarms.c.kind, alarms.c.part).limit(limit)
        if before_utc_ns is not None:
            query = query.where(alarms.c.raised_utc_ns < before_utc_ns)
        with self._database.reading() as connection:
            return [alarm_of(row) for row in connection.execute(query)]
