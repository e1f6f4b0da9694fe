"""Finding what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from vedette.model.recording import Gap, Lock, Segment
from vedette.store import statements
from vedette.store.database import Database
from vedette.store.locks import read_locks
from vedette.store.schema import gaps, recorded, segments
from vedette.store.segment_rows import one_segment, read_segments
from vedette.store.troubles import gap_of

_MOST_STEPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """What is there of one stream: `segments` files of `size` bytes together, from the first start to the last end."""

    camera: str
    stream: str
    segments: int
    size: int
    first_utc_ns: int
    last_utc_ns: int


@dataclass(frozen=True, slots=True)
class Span:
    """A time that is covered by recordings without a hole longer than was asked for; `size` in bytes."""

    start_utc_ns: int
    end_utc_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a time line shows of [start, end): covered times, and gaps with their reasons, each oldest first.

    resolution_ns  holes and gaps up to this long are left out
    """

    spans: Sequence[Span]
    gaps: Sequence[Gap]
    resolution_ns: int


class SqlRecordings:
    """The `Recordings` in a database. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def segment(self, number: int) -> Segment | None:
        """One committed segment with its fragments."""
        with self._database.reading() as connection:
            return one_segment(connection, number)

    def between(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Segment]:
        """Committed segments that touch [start, end), oldest first, with their fragments."""
        query = select(segments).where(*_in_time(camera, stream, start_utc_ns, end_utc_ns))
        with self._database.reading() as connection:
            return read_segments(connection, query.order_by(segments.c.start_utc_ns, segments.c.id))

    def gaps(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Gap]:
        """Gaps that touch [start, end), oldest first."""
        with self._database.reading() as connection:
            return _gaps(connection, camera, stream, start_utc_ns, end_utc_ns)

    def locks(self, camera: str | None = None) -> Sequence[Lock]:
        """Evidence locks, of one camera or of all."""
        with self._database.reading() as connection:
            return read_locks(connection, camera)

    def coverage(
        self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int, resolution_ns: int = 0
    ) -> Coverage:
        """What a time line shows of [start, end). A finer resolution than 1/10 000 of the time is made that."""
        step = max(1, resolution_ns, (end_utc_ns - start_utc_ns) // _MOST_STEPS)
        cell = segments.c.start_utc_ns // step
        query = (
            select(func.min(segments.c.start_utc_ns), func.max(statements.END), func.sum(segments.c.size))
            .where(*_in_time(camera, stream, start_utc_ns, end_utc_ns))
            .group_by(cell)
            .order_by(func.min(segments.c.start_utc_ns))
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            found = _gaps(connection, camera, stream, start_utc_ns, end_utc_ns)
        spans: list[Span] = []
        for first, last, size in rows:
            new = Span(max(first, start_utc_ns), min(last, end_utc_ns), int(size))
            if spans and new.start_utc_ns - spans[-1].end_utc_ns <= step:
                before = spans.pop()
                new = Span(before.start_utc_ns, max(before.end_utc_ns, new.end_utc_ns), before.size + new.size)
            spans.append(new)
        seen = [gap for gap in found if gap.end_utc_ns is None or gap.end_utc_ns - gap.start_utc_ns > step]
        return Coverage(spans, seen, step)

    def cameras(self) -> Sequence[str]:
        """Cameras of which anything is recorded, by name."""
        query = select(recorded.c.camera).where(recorded.c.segments > 0).distinct().order_by(recorded.c.camera)
        with self._database.reading() as connection:
            return [row.camera for row in connection.execute(query)]

    def streams(self) -> Sequence[RecordedStream]:
        """What is recorded of each stream, by camera and stream."""
        keys = (recorded.c.camera, recorded.c.stream)
        query = (
            select(*keys, func.sum(recorded.c.segments).label("n"), func.sum(recorded.c.size).label("size"))
            .where(recorded.c.segments > 0)
            .group_by(*keys)
            .order_by(*keys)
        )
        found = []
        with self._database.reading() as connection:
            for row in connection.execute(query).all():
                of_it = statements.of_stream(row.camera, row.stream)
                first, last = (
                    select(column).where(of_it).order_by(order).limit(1)
                    for column, order in (
                        (segments.c.start_utc_ns, segments.c.start_utc_ns),
                        (statements.END, segments.c.start_utc_ns.desc()),
                    )
                )
                ends = [int(connection.execute(end).scalar_one()) for end in (first, last)]
                found.append(RecordedStream(row.camera, row.stream, int(row.n), int(row.size), *ends))
        return found


def _in_time(camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> list[ColumnElement[bool]]:
    return [
        statements.of_stream(camera, stream),
        segments.c.start_utc_ns >= start_utc_ns - statements.longest_ns(camera, stream),
        statements.touches(start_utc_ns, end_utc_ns),
    ]


def _gaps(connection: Connection, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> list[Gap]:
    lasting = or_(gaps.c.end_utc_ns > start_utc_ns, gaps.c.end_utc_ns.is_(None), gaps.c.start_utc_ns >= start_utc_ns)
    query = select(gaps).where(gaps.c.camera == camera, gaps.c.stream == stream)
    query = query.where(gaps.c.start_utc_ns < end_utc_ns, lasting).order_by(gaps.c.start_utc_ns, gaps.c.id)
    return [gap_of(row) for row in connection.execute(query)]
