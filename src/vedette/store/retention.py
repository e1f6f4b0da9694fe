"""Deciding what goes: by age, by bytes, and when a disk is full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, func, not_, select, union_all

from vedette.model.recording import Doomed, Keep
from vedette.model.time import NS_PER_S
from vedette.store import statements
from vedette.store.database import Database
from vedette.store.schema import locks, recorded, segments

_DOOMED = (segments.c.start_utc_ns, segments.c.id, segments.c.storage, segments.c.path, segments.c.size)

_TOGETHER: Final = 50
"""Questions in one statement; SQLite takes 500 parts."""


class SqlRetention:
    """The `Retention` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def expired(self, keep: Sequence[Keep], now_utc_ns: int, limit: int) -> Sequence[Doomed]:
        """Segments that are older or more than `keep` allows, oldest first, at most `limit`.

        A segment is too old when it ended `seconds` ago. What is locked does not count against `size`, or else a long
        lock would leave no room for what is recorded now. Streams that `keep` does not name are kept for ever.
        """
        with self._database.reading() as connection:
            found = [
                rows
                for entry in keep
                for rows in (_too_old(connection, entry, now_utc_ns, limit), _too_much(connection, entry, limit))
            ]
        return _doomed(merge(*found), limit)

    def oldest(self, storage: str, size: int, limit: int) -> Sequence[Doomed]:
        """The oldest segments of a storage folder that are not locked, until together they hold `size` bytes."""
        query = _unlocked().where(segments.c.storage == storage).limit(limit)
        with self._database.reading() as connection:
            return _doomed(_until(connection.execute(query), size), limit)

    def used(self, storage: str) -> tuple[int, int]:
        """Bytes of all segments of a storage folder, and of those among them that are locked."""
        total = select(func.coalesce(func.sum(recorded.c.size), 0)).where(recorded.c.storage == storage)
        with self._database.reading() as connection:
            return int(connection.execute(total).scalar_one()), _locked_bytes(
                connection, [recorded.c.storage == storage]
            )


def _unlocked() -> Any:  # noqa: ANN401 - a query over five columns
    return select(*_DOOMED).where(not_(statements.locked())).order_by(segments.c.start_utc_ns, segments.c.id)


def _too_old(connection: Connection, keep: Keep, now_utc_ns: int, limit: int) -> Sequence[Row[Any]]:
    if keep.seconds is None:
        return []
    before = now_utc_ns - round(keep.seconds * NS_PER_S)
    old = (segments.c.start_utc_ns <= before) & (before >= statements.END)
    return connection.execute(_unlocked().where(statements.of_stream(keep.camera, keep.stream), old).limit(limit)).all()


def _too_much(connection: Connection, keep: Keep, limit: int) -> Iterable[Row[Any]]:
    if keep.size is None:
        return []
    stream = [recorded.c.camera == keep.camera, recorded.c.stream == keep.stream]
    total = connection.execute(select(func.coalesce(func.sum(recorded.c.size), 0)).where(*stream)).scalar_one()
    excess = int(total) - keep.size
    if excess > 0:
        excess -= _locked_bytes(connection, stream)
    query = _unlocked().where(statements.of_stream(keep.camera, keep.stream)).limit(limit)
    return list(_until(connection.execute(query), excess)) if excess > 0 else []


def _until(rows: Iterable[Row[Any]], size: int) -> Iterable[Row[Any]]:
    held = 0
    for row in rows:
        if held >= size:
            return
        held += row.size
        yield row


def _doomed(rows: Iterable[Row[Any]], limit: int) -> list[Doomed]:
    once = {row.id: Doomed(row.id, row.storage, row.path, row.size) for row in rows}
    return list(islice(once.values(), limit))


def _locked_bytes(connection: Connection, where: Sequence[ColumnElement[bool]]) -> int:
    # One question for each locked time of a stream: left to itself, SQLite goes through every segment instead.
    pairs = (
        select(recorded.c.storage, recorded.c.camera, recorded.c.stream, recorded.c.longest_ns)
        .add_columns(locks.c.start_utc_ns, locks.c.end_utc_ns)
        .join_from(recorded, locks, recorded.c.camera == locks.c.camera)
        .where(*where)
        .order_by(recorded.c.storage, recorded.c.camera, recorded.c.stream, locks.c.start_utc_ns)
    )
    total = 0
    for _, rows in groupby(connection.execute(pairs).all(), key=lambda row: tuple(row)[:3]):
        for some in statements.chunks(_locked_sums(list(rows)), _TOGETHER):
            total += sum(int(row.size) for row in connection.execute(union_all(*some)))
    return total


def _locked_sums(rows: Sequence[Row[Any]]) -> Iterator[Select[Any]]:
    of = rows[0]
    of_it = (segments.c.storage == of.storage) & statements.of_stream(of.camera, of.stream)
    before = -(2**62)
    for start, end in _merged((row.start_utc_ns, row.end_utc_ns) for row in rows):
        # What begins before the end of the locked time before this one has been counted there.
        near = segments.c.start_utc_ns >= max(before, start - of.longest_ns)
        query = select(func.coalesce(func.sum(segments.c.size), 0).label("size"))
        yield query.where(of_it, near, statements.touches(start, end))
        before = end


def _merged(times: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Times that overlap or meet as one; they come, and go, in the order of their starts."""
    held: tuple[int, int] | None = None
    for start, end in times:
        if held is not None and start <= held[1]:
            held = held[0], max(held[1], end)
            continue
        if held is not None:
            yield held
        held = start, end
    if held is not None:
        yield held
