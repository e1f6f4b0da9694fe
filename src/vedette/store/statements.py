"""Statements that the dialects spell alike but SQLAlchemy keeps apart, and conditions that several rooms use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, func, or_
from sqlalchemy.dialects import postgresql, sqlite

from vedette.store.schema import locks, recorded, segments

Item = TypeVar("Item")

CHUNK: Final = 500
"""Ids in one statement."""


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def put_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there; whether it was inserted."""
    statement = insert(connection, table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key.columns)).first() is not None


def put(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or replace all of it but its primary key."""
    keys = [column.name for column in table.primary_key.columns]
    statement = insert(connection, table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def add(connection: Connection, table: Table, keys: Mapping[str, Any], amounts: Mapping[str, int]) -> None:
    """Add `amounts` to the columns of the row with `keys`, which is made where there is none."""
    statement = insert(connection, table).values(**keys, **amounts)
    summed = {name: table.c[name] + statement.excluded[name] for name in amounts}
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=summed))


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    """`items` in lists of at most `size`."""
    iterator = iter(items)
    while found := list(islice(iterator, size)):
        yield found


END: Final = segments.c.start_utc_ns + segments.c.duration_ns
"""When a segment ends."""


def touches(start: ColumnElement[int] | int, end: ColumnElement[int] | int) -> ColumnElement[bool]:
    """A segment has a part in [start, end); one without duration counts where it begins."""
    return and_(segments.c.start_utc_ns < end, or_(start < END, start <= segments.c.start_utc_ns))


def locked() -> ColumnElement[bool]:
    """An evidence lock lies on a segment."""
    on = touches(locks.c.start_utc_ns, locks.c.end_utc_ns)
    return exists().where(locks.c.camera == segments.c.camera, on).correlate(segments)


def of_stream(camera: str, stream: str) -> ColumnElement[bool]:
    """A segment belongs to that stream."""
    return and_(segments.c.camera == camera, segments.c.stream == stream)


def longest_ns(camera: ColumnElement[str] | str, stream: ColumnElement[str] | str) -> ColumnElement[int]:
    """No segment of that stream lasts longer."""
    query = recorded.select().with_only_columns(func.coalesce(func.max(recorded.c.longest_ns), 0))
    return query.where(recorded.c.camera == camera, recorded.c.stream == stream).scalar_subquery()
