"""Which events are asked for, and finding them fast however rare they are.

What events have in common is a row of `series`, and there are few of those. A question is answered from the series that
fit it: the newest events of each, merged. So a kind that happens once a year costs no more to find than one that
happens every minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, union_all

from vedette.model.identity import made_utc_ns
from vedette.model.incidents import Wanted
from vedette.store import statements
from vedette.store.schema import events, series

_TOGETHER: Final = 50
"""Series in one statement; SQLite takes 500 parts."""
_BY_SERIES: Final = ("camera", "rule", "kind", "label", "severity")


def event_ids(connection: Connection, wanted: Wanted, before: int | None, limit: int) -> list[int]:
    """Ids of the newest events that are wanted, by time of the happening and id, after (older than) event `before`."""
    when = _when(connection, wanted, before)
    if wanted.incident is not None:
        when = [*when, events.c.incident == wanted.incident, *_of_series(wanted)]
        query = _newest(select(events.c.at_utc_ns, events.c.id).join(series).where(*when), limit)
        return [row.id for row in connection.execute(query)]
    if all(getattr(wanted, name) is None for name in _BY_SERIES):
        query = _newest(select(events.c.at_utc_ns, events.c.id).where(*when), limit)
        return [row.id for row in connection.execute(query)]
    found: list[tuple[int, int]] = []
    for some in statements.chunks(series_ids(connection, wanted), _TOGETHER):
        parts = [
            select(_newest(_pairs(when).where(events.c.series == number), limit).subquery(f"s{number}"))
            for number in some
        ]
        found += [(row.at_utc_ns, row.id) for row in connection.execute(union_all(*parts))]
    return [number for _, number in sorted(found, reverse=True)[:limit]]


def series_ids(connection: Connection, wanted: Wanted) -> Sequence[int]:
    """The series that fit `wanted`."""
    query = select(series.c.id).where(*_of_series(wanted)).order_by(series.c.id)
    return [row.id for row in connection.execute(query)]


def _of_series(wanted: Wanted) -> list[ColumnElement[bool]]:
    asked = {name: getattr(wanted, name) for name in _BY_SERIES}
    return [series.c[name] == value for name, value in asked.items() if value is not None]


def _pairs(when: Sequence[ColumnElement[bool]]) -> Select[Any]:
    return select(events.c.at_utc_ns, events.c.id).where(*when)


def _newest(query: Select[Any], limit: int) -> Select[Any]:
    return query.order_by(events.c.at_utc_ns.desc(), events.c.id.desc()).limit(limit)


def _when(connection: Connection, wanted: Wanted, before: int | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.start_utc_ns is not None:
        found.append(events.c.at_utc_ns >= wanted.start_utc_ns)
    if wanted.end_utc_ns is not None:
        found.append(events.c.at_utc_ns < wanted.end_utc_ns)
    if before is not None:
        # The event may have gone meanwhile; its id still says about when it was.
        row = connection.execute(select(events.c.at_utc_ns).where(events.c.id == before)).first()
        found.append(older(events.c.at_utc_ns, events.c.id, row.at_utc_ns if row else made_utc_ns(before), before))
    return found


def older(at: ColumnElement[int], number: ColumnElement[int], than: int, than_number: int) -> ColumnElement[bool]:
    """A row comes after (is older than) that time and number."""
    return and_(at <= than, or_(at < than, number < than_number))
